/** What a newcomer sees first: the demo, live and from its packet capture. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { missing } from "./support/needs.js";
import { REPOSITORY } from "./support/polytap.js";
import { runProgram } from "./support/program.js";

const why = missing("bpf");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED demo: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const demo = (...args: string[]) =>
	runProgram(process.execPath, [join(REPOSITORY, "scripts/demo.mjs"), ...args], 180_000);

test.serial("without BPF: it says why, and shows a packet capture", async (t) => {
	const { stdout } = await demo("--offline");
	t.regex(stdout, /^Live capture is not possible here:$/m);
	t.true((stdout.match(/ http\/1\.1 /g) ?? []).length >= 30);
	t.regex(stdout, /"schema": "polytap\.exchange\/v1"/);
});

live("live: every response that its client got is there, and it ends by itself with totals", async (t) => {
	const { stdout, stderr } = await demo();
	const responses = Number(/^The client got (\d+) responses\./m.exec(stdout)?.[1]);
	const servers = stdout.includes("Each passed two servers") ? 2 : 1;
	t.true(responses >= 5);
	t.is(stdout.match(/^\d\d:\d\d:\d\d\.\d{6} {2}http\/1\.1 /gm)?.length, responses * servers);
	t.regex(stderr, /^ready: /m);
	t.regex(stderr, new RegExp(`^totals: .+ ${responses * servers} exchanges$`, "m"));
});
