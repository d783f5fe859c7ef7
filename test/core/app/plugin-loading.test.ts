/** Modules that somebody else wrote, good and bad, through the command line. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const POLYTAP = new URL("../../../core/index.js", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "polytap-plugins-"));
test.after.always(() => rmSync(folder, { recursive: true }));

function polytap(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", timeout: 60_000 });
	return { status, stdout, stderr };
}

function write(name: string, text: string): string {
	writeFileSync(join(folder, name), text);
	return join(folder, name);
}

// one connection: a line each way
write(
	"good.mjs",
	`import { MessageHead, z } from "${POLYTAP}";
const text = (t) => new TextEncoder().encode(t);
const source = { api: 1, kind: "source", type: "two-lines", summary: "x", offline: true, config: z.strictObject({ word: z.string() }),
	create: ({ word }) => ({
		open: async () => {},
		async *batches() {
			const server = { address: "10.0.0.1", port: 9 }, client = { address: "10.0.0.2", port: 99 };
			yield [{ kind: "open", conn: 1, tsUs: 1, transport: "tcp", client, server, role: "server", roleKnown: true, bases: [1, 1],
				fromStart: true, netns: null, process: null, layer: "transport", lower: null }];
			yield [{ kind: "bytes", conn: 1, dir: 0, offset: 0, tsUs: 2, data: text("?" + word + "\\n") }];
			yield [{ kind: "bytes", conn: 1, dir: 1, offset: 0, tsUs: 3, data: text("!" + word + "\\n") }];
			yield [{ kind: "close", conn: 1, tsUs: 4 }];
		},
		close: async () => {},
	}) };
const parser = { api: 1, kind: "parser", protocol: "lines", summary: "x",
	detect: (client) => (client[0] === 63 ? "yes" : "no"),
	create: () => ({
		data(dir, bytes, out) {
			const end = bytes.indexOf(10);
			if (end < 0) return 0;
			const message = out.begin(0);
			message.head(new MessageHead(String.fromCharCode(...bytes.subarray(1, end)), {}, []));
			message.finish(end + 1, "ok");
			bytes.fill(0);
			return end + 1;
		},
		gap: () => false, resync: () => ({ need: 0 }), end: () => {},
	}) };
export default [source, parser];`,
);
mkdirSync(join(folder, "node_modules/my-sink"), { recursive: true });
write(
	"node_modules/my-sink/package.json",
	'{ "name": "my-sink", "type": "module", "exports": { "import": "./sink.js" } }',
);
write(
	"node_modules/my-sink/sink.js",
	`import { writeFileSync, appendFileSync } from "node:fs";
import { z } from "${POLYTAP}";
export default { api: 1, kind: "sink", type: "mine", summary: "x", config: z.strictObject({ path: z.string() }),
	create: ({ path }) => ({ maxInFlight: 1, open: async () => writeFileSync(path, ""),
		write: async (batch) => { for (const one of batch) appendFileSync(path, one.protocol + ": " + one.summary.operation + " " + one.summary.result + "\\n"); },
		close: async () => {} }) };`,
);
write("throws.mjs", 'throw new Error("no luck today");');
write("loops.mjs", "for (;;);");
write("exits.mjs", "process.exit(7);");
write("empty.mjs", "export const x = 1;");
write("wrong.mjs", 'export default { api: 1, kind: "sink", type: "x", summary: "x", config: {}, create() {} };');
write("older.mjs", 'export default { api: 0, kind: "sink", type: "x" };');
write(
	"twice.mjs",
	`import { z } from "${POLYTAP}"; export default { api: 1, kind: "sink", type: "jsonl", summary: "x", config: z.strictObject({}), create() {} };`,
);

const config = (plugins: readonly string[], sinks = "{ s: { type: mine, path: OUT } }") =>
	`version: 1\nplugins:\n${plugins.map((one) => `  - ${one}\n`).join("")}sources: { two: { type: two-lines, word: hello } }\nsinks: ${sinks.replace("OUT", join(folder, "out.txt"))}\n`;

test.serial("a source, a parser that scribbles on its bytes, and a sink of others, by path and by package", (t) => {
	const file = write("good.yaml", config(["./good.mjs", "my-sink"]));
	const checked = polytap("check", "-c", file);
	t.is(checked.status, 0, checked.stderr);
	const { status, stderr } = polytap("run", "-c", file);
	t.is(status, 0, stderr);
	t.is(readFileSync(join(folder, "out.txt"), "utf8"), "lines: hello hello\n");
	const wrong = polytap("check", "-c", write("typo.yaml", config(["./good.mjs", "my-sink"]).replace("word:", "wrd:")));
	t.regex(wrong.stderr, /unknown key "wrd" \(did you mean "word"\?\)/);
});

test.serial("bad modules are named with their place, and hide and stop nothing", (t) => {
	const bad = [
		"./throws.mjs",
		"./loops.mjs",
		"./exits.mjs",
		"./empty.mjs",
		"./wrong.mjs",
		"./older.mjs",
		"./twice.mjs",
		"./none.mjs",
		"no-such-package",
	];
	const file = write(
		"bad.yaml",
		config([...bad, "./good.mjs", "my-sink"], "{ s: { type: mine, path: OUT }, lost: { type: of-throws, path: x } }"),
	);
	const checked = polytap("check", "-c", file);
	t.is(checked.status, 2);
	const expected = [
		/bad\.yaml:3:5: plugins\.0: \.\/throws\.mjs: no luck today/,
		/:4:5: plugins\.1: \.\/loops\.mjs: its import did not end within/,
		/:5:5: plugins\.2: \.\/exits\.mjs: its import ended the thread with code 7/,
		/:6:5: plugins\.3: \.\/empty\.mjs: it has no default export/,
		/:7:5: plugins\.4: \.\/wrong\.mjs: "config" is no zod schema/,
		/:8:5: plugins\.5: \.\/older\.mjs: the sink "x" is made for plugin API 0, this is 1/,
		/:9:5: plugins\.6: \.\/twice\.mjs: there is a sink "jsonl" already/,
		/:10:5: plugins\.7: \.\/none\.mjs: there is no file/,
		/:11:5: plugins\.8: no-such-package: there is no such package or file/,
	];
	for (const one of expected) t.regex(checked.stderr, one);
	rmSync(join(folder, "out.txt"), { force: true });
	const { status, stderr } = polytap("run", "-c", file);
	t.is(readFileSync(join(folder, "out.txt"), "utf8"), "lines: hello hello\n", stderr);
	for (const code of ["PLUGIN_IMPORT_FAILED", "PLUGIN_INVALID", "PLUGIN_API_MISMATCH", "PLUGIN_DUPLICATE"])
		t.regex(stderr, new RegExp(`^error\\[${code}\\]: `, "m"));
	t.regex(stderr, /unknown sink type "of-throws"/);
	t.is(status, 2);
});

test.serial("where nothing is left to capture with, the run says why", (t) => {
	const file = write("only.yaml", config(["./throws.mjs", "my-sink"]));
	const { status, stderr } = polytap("run", "-c", file);
	t.is(status, 2);
	t.regex(stderr, /^error\[PLUGIN_IMPORT_FAILED\]: .*no luck today$/m);
	t.regex(stderr, /unknown source type "two-lines"/);
});
