import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import test from "ava";
import type { Exchange } from "../../../core/index.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
/** What the demo records: a client, nginx, and a Node.js server behind it. */
const DEMO = fileURLToPath(new URL("../../../../test/fixtures/demo.pcap.gz", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "polytap-read-"));
test.after.always(() => rmSync(folder, { recursive: true }));

function read(...args: string[]): SpawnSyncReturns<string> {
	return spawnSync(process.execPath, [CLI, "read", ...args], { encoding: "utf8", timeout: 60_000 });
}

function exchangesIn(text: string): Exchange[] {
	return text
		.split("\n")
		.slice(0, -1)
		.map((line): Exchange => JSON.parse(line));
}

test("exchanges as JSON lines on stdout, nothing on stderr, exit code 0, the same every time", (t) => {
	const first = read(DEMO);
	t.is(first.status, 0);
	t.is(first.stderr, "");
	const http = exchangesIn(first.stdout).filter((exchange) => exchange.protocol === "http/1.1");
	t.true(http.length >= 30);
	t.true(
		http.every(
			(exchange) => /^(ok|error)$/.test(exchange.outcome) && exchange.response?.body.completeness === "complete",
		),
	);
	t.is(read(DEMO).stdout, first.stdout);
});

test("for people: lines, and everything", (t) => {
	const lines = read(DEMO, "--format", "console");
	t.is(lines.status, 0);
	t.regex(lines.stdout, /POST \/orders +201 /);
	t.false(lines.stdout.includes("\u001b"));
	const pretty = read(DEMO, "--pretty");
	t.regex(pretty.stdout, /^> content-type: application\/json$/im);
	t.regex(pretty.stdout, /decoded from gzip/);
});

test("a capture that ends in the middle: everything before that, a warning, exit code 0", (t) => {
	const file = join(folder, "cut.pcap");
	const whole = gunzipSync(readFileSync(DEMO));
	writeFileSync(file, whole.subarray(0, whole.length / 2));
	const { status, stdout, stderr } = read(file);
	t.is(status, 0);
	t.regex(stderr, /^warning\[CAPTURE_DAMAGED\]: /);
	t.true(exchangesIn(stdout).length > 10);
});

test("what is no capture: exit code 1, and the other files are read", (t) => {
	const bad = join(folder, "bad.pcap");
	writeFileSync(bad, "this is no packet capture, but it is long enough to be one");
	const { status, stdout, stderr } = read(bad, "/nowhere/x.pcap", DEMO);
	t.is(status, 1);
	t.is(stderr.match(/^error\[CAPTURE_UNREADABLE\]: /gm)?.length, 2);
	t.is(stdout, read(DEMO).stdout);
});

test("files are captures by themselves, unless they are pieces of one", (t) => {
	const once = exchangesIn(read(DEMO).stdout).map((exchange) => exchange.id);
	t.deepEqual(
		exchangesIn(read(DEMO, DEMO).stdout).map((exchange) => exchange.id),
		[...once, ...once],
	);
	const whole = gunzipSync(readFileSync(DEMO));
	const header = whole.subarray(0, 24);
	const packets: Buffer[] = [];
	for (let at = 24; at < whole.length; ) {
		const next = at + 16 + whole.readUInt32LE(at + 8);
		packets.push(whole.subarray(at, next));
		at = next;
	}
	const middle = packets.length >> 1;
	const pieces = [packets.slice(0, middle), packets.slice(middle)].map((part, number) => {
		const file = join(folder, `piece-${number}.pcap`);
		writeFileSync(file, Buffer.concat([header, ...part]));
		return file;
	});
	t.deepEqual(
		exchangesIn(read("--join", ...pieces).stdout).map((exchange) => exchange.id),
		once,
	);
});

test("a reader that goes away ends it quietly, exit code 0", (t) => {
	const files = Array.from({ length: 200 }, () => `"${DEMO}"`).join(" ");
	const { stdout, stderr } = spawnSync(
		"sh",
		["-c", `{ "${process.execPath}" "${CLI}" read ${files}; echo "code $?" >&2; } | head -c 100`],
		{ encoding: "utf8", timeout: 60_000 },
	);
	t.is(stdout.length, 100);
	t.is(stderr, "code 0\n");
});
