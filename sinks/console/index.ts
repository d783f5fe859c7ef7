/** The `console` sink: exchanges for a person to read, on standard output. */
import { type SinkPlugin, z } from "../../core/index.js";
import { ConsoleSink } from "./console-sink.js";

export const consoleConfig = z.strictObject({
	format: z
		.enum(["line", "pretty"])
		.default("line")
		.describe("`line`: one aligned line an exchange. `pretty`: with headers and bodies."),
	color: z
		.enum(["auto", "always", "never"])
		.default("auto")
		.describe("`auto`: on a terminal, unless NO_COLOR is set or TERM is `dumb`."),
	max_body_chars: z
		.int()
		.min(0)
		.max(16_777_216)
		.default(4_096)
		.describe("How much of each body `pretty` shows. What is longer is cut and says so."),
});

export type ConsoleConfig = z.output<typeof consoleConfig>;

const consolePlugin: SinkPlugin<ConsoleConfig> = {
	api: 1,
	kind: "sink",
	type: "console",
	summary: "Readable lines on standard output, coloured on a terminal; with headers and bodies where wanted.",
	config: consoleConfig,
	create: (config) => new ConsoleSink(config),
};

export default consolePlugin;
