/** Protocols that the config names, on a port that nobody expects them on: live, and from a packet capture. */
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { command } from "../parsers/redis/talk.js";
import { missing } from "./support/needs.js";
import { CLI, type Polytap, startPolytap } from "./support/polytap.js";
import { runProgram } from "./support/program.js";
import { RawClient, startRedis } from "./support/redis.js";
import { withScope } from "./support/scope.js";
import { startTcpdump } from "./support/tcpdump.js";

const why = missing("bpf", "redis-server", "redis-cli", "tcpdump");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED pins, live: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const exchangesIn = (text: string): Exchange[] =>
	text
		.split("\n")
		.filter((line) => line !== "")
		.map((line): Exchange => JSON.parse(line));

async function recorded(polytap: Polytap, path: string): Promise<{ exchanges: Exchange[]; stderr: string }> {
	await polytap.settled();
	const { stderr } = await polytap.stop();
	return { exchanges: exchangesIn(await readFile(path, "utf8")), stderr };
}

/** A command of a module, which first bytes alone do not give away. */
const ODD = command("NO.SUCH", "thing");

live("a pin of a target rule: what nobody would recognise is read; a wrong pin is opaque, by name", (t) =>
	withScope(async (scope) => {
		const [right, wrong] = [await startRedis(scope), await startRedis(scope)];
		const path = join(await scope.folder(), "out.jsonl");
		const targets = [
			{ ports: [right.port], protocol: "redis" },
			{ ports: [wrong.port], protocol: "mysql" },
		];
		const config = {
			sources: { node: { type: "ebpf", targets, vantage: "server" } },
			sinks: { file: { type: "jsonl", path } },
		};
		const polytap = await startPolytap(scope, { config });
		for (const { port } of [right, wrong]) {
			const client = await RawClient.open(scope, port);
			await client.say(ODD, "\r\n");
			await client.say(command("SET", "k", "v"), "+OK\r\n");
			await client.end();
		}
		const { exchanges } = await recorded(polytap, path);
		const of = (port: number): Exchange[] => exchanges.filter(({ connection }) => connection.server.port === port);
		t.deepEqual(
			of(right.port).map(({ protocol, summary, flags }) => [protocol, summary.operation, ...flags]),
			[
				["redis", "NO.SUCH ?", "protocol-pinned"],
				["redis", "SET k ?", "protocol-pinned"],
			],
		);
		const [record, ...others] = of(wrong.port);
		t.deepEqual(others, []);
		t.is(record!.kind, "connection");
		t.is(record!.annotations["polytap.protocol.pinned"], "mysql");
		t.regex(String(record!.annotations["polytap.opaque.reason"]), /^pin-mismatch:/);
	}),
);

live("a reload changes what new connections are pinned to; port hints leave the recognising to the parser", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const folder = await scope.folder();
		const path = join(folder, "out.jsonl");
		const withTargets = (targets: readonly object[]) => ({
			sources: { node: { type: "ebpf", targets, vantage: "server" } },
			protocols: { redis: { ports: [server.port] } },
			sinks: { file: { type: "jsonl", path } },
		});
		const polytap = await startPolytap(scope, { config: withTargets([{ ports: [server.port] }]) });
		t.is(await server.cli("SET", "before", "1"), "OK");
		const at = polytap.program.stderr.length;
		const file = polytap.configPath;
		const pinned = withTargets([{ ports: [server.port], protocol: "redis" }]);
		await writeFile(file, JSON.stringify({ version: 1, ...pinned }));
		polytap.program.kill("SIGHUP");
		await polytap.program.until(() => polytap.program.stderr.slice(at).includes("reload: applied"), 60_000);
		t.is(await server.cli("SET", "after", "1"), "OK");
		const { exchanges } = await recorded(polytap, path);
		const said = exchanges
			.filter(({ summary }) => summary.operation.startsWith("SET"))
			.map(({ protocol, summary, flags }) => [protocol, summary.operation, ...flags]);
		t.deepEqual(said, [
			["redis", "SET before ?"],
			["redis", "SET after ?", "protocol-pinned"],
		]);
	}),
);

live("polytap read --pin: a packet capture of an odd port", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const file = join(await scope.folder(), "packets.pcap");
		const tcpdump = await startTcpdump(scope, server.port, file);
		const client = await RawClient.open(scope, server.port);
		await client.say(ODD, "\r\n");
		await client.say(ODD, "\r\n");
		await client.end();
		await tcpdump.stop();
		const read = async (...args: readonly string[]) =>
			exchangesIn((await runProgram(process.execPath, [CLI, "read", ...args, file], 60_000)).stdout);
		t.deepEqual(
			(await read()).map(({ protocol, kind }) => [protocol, kind]),
			[["raw", "connection"]],
		);
		const pinned = await read("--pin", `${server.port}=redis`);
		t.deepEqual(
			pinned.map(({ protocol, outcome }) => [protocol, outcome]),
			[
				["redis", "error"],
				["redis", "error"],
			],
		);
		await t.throwsAsync(read("--pin", `${server.port}=rediss`), {
			message: /no parser reads "rediss" \(did you mean "redis"\?\)/,
		});
	}),
);
