// Writes core/wire/exchange-proto.ts from core/wire/exchange.proto: the tag of every field, the words of every enumeration, and the
// descriptor that protobufjs reads with. With --check it only says whether that would change anything.
import { readFileSync, writeFileSync } from "node:fs";
import protobuf from "protobufjs";

const target = new URL("../core/wire/exchange-proto.ts", import.meta.url);
const { root } = protobuf.parse(readFileSync(new URL("../core/wire/exchange.proto", import.meta.url), "utf8"));
root.resolveAll();

const BYTES = { double: 1, sfixed64: 1, fixed32: 5, string: 2, bytes: 2 };
const upper = (name) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
const tags = [];
const words = [];
for (const type of root.lookup("polytap.v1").nestedArray) {
	if (type instanceof protobuf.Enum) {
		const prefix = `${upper(type.name)}_`;
		const names = Object.entries(type.values).sort((a, b) => a[1] - b[1]);
		const list = names.map(([name]) => name.slice(prefix.length).toLowerCase().replaceAll("_", "-"));
		words.push(`\t${type.name}: ${JSON.stringify(["", ...list.slice(1)])},`);
		continue;
	}
	for (const field of type.fieldsArray) {
		const wire = field.resolvedType instanceof protobuf.Type ? 2 : (BYTES[field.type] ?? 0);
		const tag = (field.id << 3) | wire;
		if (tag > 127) throw new Error(`${type.name}.${field.name}: the encoder writes tags of one byte`);
		tags.push(`\t${upper(type.name)}_${upper(field.name)}: 0x${tag.toString(16).padStart(2, "0")},`);
	}
}
const text = `// Generated from core/wire/exchange.proto by scripts/generate-exchange-proto.mjs.

/** Number and wire type of each field, as they stand before it: all of them take one byte. */
export const TAG = {
${tags.join("\n")}
} as const;

/** The words of each enumeration at its numbers; 0 is nothing. */
export const WORDS = {
${words.join("\n")}
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What protobufjs builds its decoder from. */
export const DESCRIPTOR: string = ${JSON.stringify(JSON.stringify(root.toJSON()))};
`;
if (process.argv.includes("--check")) {
	const { stdout } = await formatted(text);
	if (readFileSync(target, "utf8") === stdout) process.exit(0);
	console.error(
		"core/wire/exchange-proto.ts is not what exchange.proto says: run node scripts/generate-exchange-proto.mjs",
	);
	process.exit(1);
}
writeFileSync(target, (await formatted(text)).stdout);

/** As Biome would leave it: both checks must pass. */
async function formatted(code) {
	const { spawnSync } = await import("node:child_process");
	const biome = new URL("../node_modules/.bin/biome", import.meta.url).pathname;
	const ran = spawnSync(biome, ["format", "--stdin-file-path=core/wire/exchange-proto.ts"], {
		input: code,
		encoding: "utf8",
		cwd: new URL("..", import.meta.url).pathname,
	});
	if (ran.status !== 0) throw new Error(ran.stderr);
	return ran;
}
