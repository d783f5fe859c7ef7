/** `polytap schema`: the JSON Schema of the config file. */
import { configJsonSchema } from "../../config/json-schema.js";
import { BUILTINS } from "../builtins.js";
import { Plugins } from "../plugins.js";

export async function schema(): Promise<string> {
	return `${JSON.stringify(await configJsonSchema(new Plugins(BUILTINS)), null, "\t")}\n`;
}
