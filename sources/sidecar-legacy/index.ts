import type { SourcePlugin } from "../../core/index.js";
import { SidecarHost } from "./host.js";
import { type SidecarOptions, sidecarOptions } from "./options.js";
import { SidecarSource } from "./source.js";
import type { SidecarHostState } from "./state.js";

const plugin: SourcePlugin<SidecarOptions> = {
	api: 1,
	kind: "source",
	type: "sidecar-legacy",
	summary: "a proxy in the path of requests, for teams that are leaving one; it captures what it relays",
	config: sidecarOptions,
	create: (_options, context) => new SidecarSource(context.host as SidecarHostState),
	host: (options, context) => new SidecarHost(options, context),
};

export default plugin;
