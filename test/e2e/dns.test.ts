/** DNS of a real server and `dig`: over TCP and UDP captured live, over UDP from a packet capture of tcpdump as well. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { CLI } from "./support/polytap.js";
import { freePort, isListening } from "./support/port.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { startTcpdumpOf } from "./support/tcpdump.js";

const why = missing("bpf", "dnsmasq", "dig", "tcpdump");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED DNS, live: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** Raised for proofs. */
const COUNT = Number(process.env.POLYTAP_DNS_COUNT ?? 40);

async function startServer(scope: Scope): Promise<number> {
	const port = await freePort();
	const settings = ["--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root", "--pid-file="];
	const records = [
		"--address=/example.test/192.0.2.7",
		"--txt-record=txt.example.test,some text",
		"--local=/gone.test/",
	];
	const listening = [`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces"];
	const program = new Program("dnsmasq", [...settings, ...records, ...listening]);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => isListening(program.pid, port), 60_000);
	return port;
}

/** Names with dig's answers; several questions of one call go one after the other. */
async function ask(port: number, ...more: readonly string[]): Promise<void> {
	const questions = Array.from({ length: COUNT }, (_, i) => [
		...[`host-${i}.example.test`, "A", "txt.example.test", "TXT", `host-${i}.gone.test`, "AAAA"],
	]);
	for (let from = 0; from < COUNT; from += 20) {
		const args = [
			"@127.0.0.1",
			"-p",
			String(port),
			"+tries=1",
			"+time=10",
			...more,
			...questions.slice(from, from + 20).flat(),
		];
		await runProgram("dig", args, 60_000);
	}
}

const shown = ({ summary, outcome, response }: Exchange): string =>
	`${summary.operation} ${outcome} ${String(response?.attributes["dns.response_code"])} ${String(response?.attributes["dns.answers"])}`;

const expected = Array.from({ length: COUNT }, (_, i) => [
	`A host-${i}.example.test ok NOERROR 192.0.2.7`,
	'TXT txt.example.test ok NOERROR "some text"',
	`AAAA host-${i}.gone.test error NXDOMAIN undefined`,
])
	.flat()
	.sort();

live("over TCP, live: every question with its answer", (t) =>
	withScope(async (scope) => {
		const port = await startServer(scope);
		const stop = await captureLive(scope, [port]);
		await ask(port, "+tcp");
		const all = (await stop()).filter(({ protocol }) => protocol === "dns");
		t.deepEqual(all.map(shown).sort(), expected);
		t.true(all.every(({ connection }) => connection.server.process?.name === "dnsmasq"));
	}),
);

live("over UDP, live: every question with its answer, once, and whose it is", (t) =>
	withScope(async (scope) => {
		const port = await startServer(scope);
		const stop = await captureLive(scope, [], {}, { targets: [{ udp: [port] }] });
		await ask(port);
		const all = (await stop()).filter(({ protocol }) => protocol === "dns");
		t.deepEqual(all.map(shown).sort(), expected);
		for (const { connection, observedBy } of all) {
			t.is(connection.transport, "udp");
			t.is(connection.server.port, port);
			t.is(connection.server.process?.name, "dnsmasq");
			t.true(observedBy.some(({ vantage }) => vantage === "server"));
		}
	}),
);

live("over UDP, from a packet capture: every question with its answer", (t) =>
	withScope(async (scope) => {
		const port = await startServer(scope);
		const file = join(await scope.folder(), "dns.pcap");
		const tcpdump = await startTcpdumpOf(scope, ["udp", "port", String(port)], file);
		await ask(port);
		await tcpdump.stop();
		const { stdout } = await runProgram(process.execPath, [CLI, "read", file], 60_000);
		const all = stdout
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => JSON.parse(line) as Exchange)
			.filter(({ protocol }) => protocol === "dns");
		t.deepEqual(all.map(shown).sort(), expected);
		t.true(all.every(({ connection }) => connection.transport === "udp" && connection.server.port === port));
	}),
);
