// Writes sources/ebpf/record-layout.ts from bpf/events.h; with --check it only says whether that would change anything.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const target = new URL("../sources/ebpf/record-layout.ts", import.meta.url);
const bpf = new URL("../bpf", import.meta.url).pathname;
let lines;
try {
	lines = execFileSync("make", ["-s", "-C", bpf, "layout"], { encoding: "utf8" }).trim().split("\n");
} catch {
	console.error("generate-record-layout: clang or make is missing: the layout of ring records was NOT checked");
	process.exit(process.argv.includes("--check") ? 0 : 1);
}
const name = (text) =>
	text.startsWith("record_") || /^[a-z]/.test(text) ? text.replace(/_SIZE$/, "_bytes").toUpperCase() : text;
const text = `// Generated from bpf/events.h by scripts/generate-record-layout.mjs. Byte offsets, sizes and constants of ring records.
${lines
	.map((line) => line.split(" "))
	.map(([key, value]) => `export const ${name(key)} = ${value};`)
	.join("\n")}
`;
if (process.argv.includes("--check")) {
	if (readFileSync(target, "utf8") === text) process.exit(0);
	console.error(
		"sources/ebpf/record-layout.ts is not what bpf/events.h says: run node scripts/generate-record-layout.mjs",
	);
	process.exit(1);
}
writeFileSync(target, text);
