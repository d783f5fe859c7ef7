import type { SourcePlugin } from "../../core/index.js";
import { EbpfHost } from "./host.js";
import { type EbpfOptions, ebpfOptions } from "./options.js";
import type { EbpfHostState } from "./shared.js";
import { EbpfSource } from "./source.js";

const plugin: SourcePlugin<EbpfOptions> = {
	api: 1,
	kind: "source",
	type: "ebpf",
	summary: "TCP sockets of this node, from two tracepoints in the kernel",
	config: ebpfOptions,
	protocols: ({ targets }) =>
		targets.flatMap(({ protocol }, i) =>
			protocol === undefined ? [] : [{ protocol, path: ["targets", i, "protocol"] }],
		),
	create: (options, context) =>
		new EbpfSource(context.host as EbpfHostState, options.max_cpu_percent, context.diagnostics),
	host: (options, context) => new EbpfHost(options, context),
};

export default plugin;
