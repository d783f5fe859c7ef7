import type { SourcePlugin } from "../../core/index.js";
import { type JavaOptions, javaOptions } from "./options.js";
import { JavaSource } from "./source.js";

const plugin: SourcePlugin<JavaOptions> = {
	api: 1,
	kind: "source",
	type: "java-agent",
	summary: "what an agent inside a JVM sees: plaintext of TLS, threads, pools, retries, SQL",
	seesPlaintext: true,
	config: javaOptions,
	create: (options, context) => new JavaSource(options, context),
};

export default plugin;
