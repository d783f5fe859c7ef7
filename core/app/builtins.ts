/**
 * Every plugin that comes with polytap, by module. A module is loaded where and when it is wanted: reading a packet
 * capture never loads native code, and a worker loads what it runs. A test fails where a plugin folder is missing here.
 */
import type { PluginModules } from "./plugins.js";

export const BUILTINS: PluginModules = {
	sources: [
		{ name: "ebpf", module: here("../../sources/ebpf/index.js") },
		{ name: "java-agent", module: here("../../sources/java-agent/index.js") },
		{ name: "pcap", module: here("../../sources/pcap/index.js") },
		{ name: "protobuf", module: here("../../sources/protobuf/index.js") },
		{ name: "sidecar-legacy", module: here("../../sources/sidecar-legacy/index.js") },
	],
	/** In the order in which they are asked whether a connection is theirs. */
	parsers: [
		{ name: "http/1.1", module: here("../../parsers/http1/index.js") },
		{ name: "postgresql", module: here("../../parsers/postgresql/index.js") },
		{ name: "tls", module: here("../../parsers/tls/index.js") },
		{ name: "mysql", module: here("../../parsers/mysql/index.js") },
		{ name: "http/2", module: here("../../parsers/http2/index.js") },
		{ name: "grpc", module: here("../../parsers/grpc/index.js") },
		{ name: "websocket", module: here("../../parsers/websocket/index.js") },
		{ name: "sse", module: here("../../parsers/sse/index.js") },
		{ name: "redis", module: here("../../parsers/redis/index.js") },
		{ name: "dns", module: here("../../parsers/dns/index.js") },
	],
	sinks: [
		{ name: "blackhole", module: here("../../sinks/blackhole/index.js") },
		{ name: "console", module: here("../../sinks/console/index.js") },
		{ name: "jsonl", module: here("../../sinks/jsonl/index.js") },
		{ name: "protobuf", module: here("../../sinks/protobuf/index.js") },
	],
};

function here(path: string): string {
	return new URL(path, import.meta.url).href;
}
