/** `protocols:` in a config: options of parsers, and of the files that they name. */
import test from "ava";
import { BUILTINS } from "../../../core/app/builtins.js";
import { Plugins } from "../../../core/app/plugins.js";
import { configJsonSchema } from "../../../core/config/json-schema.js";
import { formatError, loadConfig } from "../../../core/config/load.js";

const catalog = new Plugins(BUILTINS);
const BASE = "version: 1\nsources: { f: { type: pcap, files: [x.pcap] } }\nsinks: { out: { type: blackhole } }\n";

async function load(text: string, files: Readonly<Record<string, string>> = {}) {
	return loadConfig(BASE + text, catalog, {
		file: "f.yaml",
		folder: "/etc/polytap",
		variables: {},
		readFile: async () => "",
		readBytes: async (path) => {
			const found = files[path];
			if (found === undefined) throw new Error("ENOENT");
			return Buffer.from(found);
		},
		list: async () => [],
	});
}

async function errorsOf(text: string, files: Readonly<Record<string, string>> = {}): Promise<string[]> {
	return (await load(text, files)).errors.map(formatError);
}

test("a config without them", async (t) => {
	t.deepEqual((await load("")).config?.protocols, []);
});

test("what the files say goes to the parser as plain data", async (t) => {
	const { config } = await load("protocols:\n  grpc: { protos: [api/a.proto] }\n", {
		"/etc/polytap/api/a.proto": 'syntax = "proto3"; message A {} service S { rpc M (A) returns (A); }',
	});
	const [entry] = config!.protocols!;
	t.is(entry!.protocol, "grpc");
	t.deepEqual(entry!.options, { protos: ["api/a.proto"], descriptor_sets: [], include: [] });
	t.deepEqual(structuredClone(entry!.prepared), { methods: [["/S/M", "A", "A"]], messages: [["A", []]], enums: [] });
});

test("what is wrong has its place in the config, or in the file that it names", async (t) => {
	t.deepEqual(await errorsOf("protocols:\n  gprc: {}\n"), [
		'f.yaml:5:3: protocols: no parser reads "gprc" (did you mean "grpc"?)',
	]);
	t.deepEqual(await errorsOf("protocols:\n  grpc: { protso: [] }\n"), [
		'f.yaml:5:11: protocols.grpc: unknown key "protso" (did you mean "protos"?)',
	]);
	t.deepEqual(await errorsOf("protocols:\n  tls: { x: 1 }\n"), ['f.yaml:5:10: protocols.tls: unknown key "x"']);
	t.deepEqual(await errorsOf("protocols:\n  grpc: { protos: [none.proto] }\n"), [
		"f.yaml:5:20: protocols.grpc.protos.0: cannot read none.proto: ENOENT",
	]);
	t.deepEqual(
		await errorsOf("protocols:\n  grpc: { protos: [a.proto, b.proto] }\n", {
			"/etc/polytap/a.proto": 'syntax = "proto3";\nmessage A {\n  Gone x = 1;\n}\n',
			"/etc/polytap/b.proto": 'syntax = "proto3";\nmessage B { Lost y = 1; }\n',
		}),
		['a.proto:3:3: A.x: there is no type "Gone"', 'b.proto:2:13: B.y: there is no type "Lost"'],
	);
	t.deepEqual(await errorsOf("protocols:\n  grpc: 5\n"), ["f.yaml:5:9: protocols.grpc: expected a mapping, got 5"]);
});

test("ports are for protocols that are found from their bytes", async (t) => {
	const { config } = await load("protocols:\n  http/2: { ports: [8443] }\n");
	t.deepEqual(config?.protocols, [{ protocol: "http/2", ports: [8443], options: {} }]);
	t.deepEqual(await errorsOf("protocols:\n  grpc: { ports: [8443] }\n"), [
		"f.yaml:5:11: protocols.grpc: grpc lies in other protocols: it has no ports",
	]);
});

test("the JSON Schema has the options of every protocol that has some", async (t) => {
	const { properties } = (await configJsonSchema(catalog)) as { properties: Record<string, Record<string, unknown>> };
	const { properties: own } = properties.protocols as { properties: Record<string, { properties: object }> };
	t.deepEqual(Object.keys(own), ["grpc"]);
	t.deepEqual(Object.keys(own.grpc!.properties), ["protos", "descriptor_sets", "include"]);
});
