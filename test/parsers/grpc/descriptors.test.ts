/** Descriptors from the config's files, and what is wrong with them. */
import test from "ava";
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js";
import type { OptionProblem } from "../../../core/index.js";
import { prepare } from "../../../parsers/grpc/descriptors.js";
import { optionsSchema } from "../../../parsers/grpc/options.js";
import type { Schema } from "../../../parsers/grpc/schema.js";
import { filesIn } from "./memory-files.js";

const ORDERS = `syntax = "proto3";
package shop;
import "common/money.proto";
import "google/protobuf/timestamp.proto";
message Order {
	string order_id = 1;
	common.Money price = 2 [json_name = "cost"];
	google.protobuf.Timestamp at = 3;
	map<int64, string> notes = 4;
	oneof how { bool cash = 5; string card = 6; }
	repeated Kind kinds = 7;
	enum Kind { PLAIN = 0; GIFT = 1; }
}
service Orders { rpc Buy (Order) returns (stream common.Money); }
`;
const MONEY = `syntax = "proto3";
package common;
message Money { int64 units = 1; }
`;

const read = async (options: object, files: Record<string, string | Uint8Array>) =>
	prepare(optionsSchema.parse(options), filesIn(files));

async function schemaOf(options: object, files: Record<string, string | Uint8Array>): Promise<Schema> {
	const found = await read(options, files);
	if ("problems" in found) throw new Error(JSON.stringify(found.problems));
	return found.options as Schema;
}

async function problemsOf(options: object, files: Record<string, string | Uint8Array>): Promise<string[]> {
	const found = await read(options, files);
	if ("options" in found) throw new Error("nothing was wrong");
	const shown = ({ path, place, message }: OptionProblem): string =>
		`${place === undefined ? path.join(".") : `${place.file}:${place.line}:${place.column}`}: ${message}`;
	return found.problems.map(shown);
}

test("files, what they import, and what they say of calls and messages", async (t) => {
	const schema = await schemaOf(
		{ protos: ["orders.proto"], include: ["/usr/include"] },
		{ "/etc/orders.proto": ORDERS, "/usr/include/common/money.proto": MONEY },
	);
	t.deepEqual(schema.methods, [["/shop.Orders/Buy", "shop.Order", "common.Money"]]);
	const order = schema.messages.find(([name]) => name === "shop.Order")![1];
	t.deepEqual(
		order.map(({ name, kind, type, isRepeated, key, oneof }) => [name, kind, type, isRepeated, key, oneof]),
		[
			["orderId", "string", "", false, null, null],
			["cost", "message", "common.Money", false, null, null],
			["at", "message", "google.protobuf.Timestamp", false, null, null],
			["notes", "string", "", false, "int64", null],
			["cash", "bool", "", false, null, "how"],
			["card", "string", "", false, null, "how"],
			["kinds", "enum", "shop.Order.Kind", true, null, null],
		],
	);
	t.deepEqual(
		schema.enums.filter(([name]) => name.startsWith("shop.")),
		[
			[
				"shop.Order.Kind",
				[
					[0, "PLAIN"],
					[1, "GIFT"],
				],
			],
		],
	);
	t.notThrows(() => structuredClone(schema));
});

test("a descriptor set says the same", async (t) => {
	const root = new protobuf.Root();
	const timestamp = protobuf.common.get("google/protobuf/timestamp.proto")?.nested;
	if (timestamp !== undefined) root.addJSON(timestamp);
	for (const text of [MONEY, ORDERS]) protobuf.parse(text, root, { keepCase: true });
	root.resolveAll();
	const bytes = (root as protobuf.Root & { toDescriptor(edition: string): protobuf.Message }).toDescriptor("proto3");
	const encoded = bytes.$type.encode(bytes).finish();
	const bySet = await schemaOf({ descriptor_sets: ["set.pb"] }, { "/etc/set.pb": encoded });
	const byFiles = await schemaOf(
		{ protos: ["orders.proto"] },
		{ "/etc/orders.proto": ORDERS, "/etc/common/money.proto": MONEY },
	);
	const sorted = ({ methods, messages, enums }: Schema) => [
		[...methods].sort(),
		[...messages].sort(),
		[...enums].sort(),
	];
	t.deepEqual(sorted(bySet), sorted(byFiles));
});

test("imports: include folders first, then the config's folder, then beside the importing file", async (t) => {
	const files = { "/etc/api/orders.proto": ORDERS, "/etc/api/common/money.proto": MONEY };
	t.is((await schemaOf({ protos: ["api/orders.proto"] }, files)).methods.length, 1);
	const other = MONEY.replace("units", "cents");
	const two = await schemaOf({ protos: ["api/orders.proto"] }, { ...files, "/etc/common/money.proto": other });
	t.is(two.messages.find(([name]) => name === "common.Money")![1][0]!.name, "cents");
	// the same file by another way is not read twice
	t.is((await schemaOf({ protos: ["api/common/money.proto", "api/orders.proto"] }, files)).methods.length, 1);
});

test("proto2: groups, extensions, options of one's own", async (t) => {
	const text = `syntax = "proto2";
import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { optional string note = 50001; }
message Old {
	required int32 a = 1 [(note) = "x"];
	optional group Part = 2 { optional string b = 3; }
	extensions 100 to 200;
}
extend Old { optional bool more = 100; }
service S { option deprecated = true; rpc M (Old) returns (Old); }
`;
	const { messages } = await schemaOf({ protos: ["old.proto"] }, { "/etc/old.proto": text });
	const old = messages.find(([name]) => name === "Old")![1];
	t.deepEqual(
		old.map(({ name, kind }) => [name, kind]),
		[
			["a", "int32"],
			["part", "group"],
			["[more]", "bool"],
		],
	);
});

test("what is wrong is told with its place", async (t) => {
	t.deepEqual(await problemsOf({ protos: ["none.proto"] }, {}), [
		"protos.0: cannot read none.proto: there is no such file",
	]);
	t.deepEqual(
		await problemsOf(
			{ protos: ["a.proto"] },
			{ "/etc/a.proto": 'syntax = "proto3";\nmessage A {\n\tstring x = nine;\n}\n' },
		),
		["a.proto:3:13: illegal id 'nine'"],
	);
	t.deepEqual(
		await problemsOf(
			{ protos: ["a.proto"] },
			{ "/etc/a.proto": 'syntax = "proto3";\nimport "gone/b.proto";\n// Missing\nmessage A {\n\tMissing x = 1;\n}\n' },
		),
		['a.proto:2:9: there is no file "gone/b.proto" in any folder of `include`'],
	);
	t.deepEqual(
		await problemsOf(
			{ protos: ["a.proto"] },
			{
				"/etc/a.proto":
					'syntax = "proto3";\n// Missing\nmessage A {\n\tMissing x = 1;\n}\nservice S {\n\trpc M (A) returns (Gone);\n}\n',
			},
		),
		['a.proto:4:2: A.x: there is no type "Missing"', 'a.proto:7:21: S.M: there is no type "Gone"'],
	);
	t.deepEqual(
		await problemsOf(
			{ protos: ["a.proto", "b.proto"] },
			{ "/etc/a.proto": "message A {}\n", "/etc/b.proto": "\nmessage A {}\n" },
		),
		["b.proto:2:9: duplicate name 'A' in Root"],
	);
	t.deepEqual(await problemsOf({ descriptor_sets: ["x.pb"] }, { "/etc/x.pb": new Uint8Array([1, 2, 3, 4]) }), [
		"descriptor_sets.0: x.pb: no descriptor set: illegal tag: field number 0",
	]);
});

test("texts that are none are problems, and never more than that", async (t) => {
	for (let seed = 1; seed < 300; seed++) {
		const cut = ORDERS.slice(0, (seed * 7) % ORDERS.length);
		const torn = `${cut}${"{}();=<>\"'0x\n/*"[seed % 14]}${ORDERS.slice((seed * 13) % ORDERS.length)}`;
		const files = { "/etc/orders.proto": torn, "/etc/common/money.proto": MONEY };
		await t.notThrowsAsync(read({ protos: ["orders.proto"] }, files));
	}
});
