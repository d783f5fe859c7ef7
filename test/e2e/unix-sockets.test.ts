/** Unix stream sockets, captured live through the command line: Redis, PostgreSQL, HTTP, joined in the middle, abstract names. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer, request } from "node:http";
import { connect, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { Redis } from "ioredis";
import type { Exchange } from "../../core/index.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { missingPostgresql, startPostgresql } from "./support/postgresql.js";
import { startRedis } from "./support/redis.js";
import { type Scope, withScope } from "./support/scope.js";
import { callsReturned } from "./support/usage.js";

const why = missing("bpf", "redis-server", "redis-cli");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED Unix sockets, live: ${why}\n`);
const whyPostgresql = missingPostgresql();
if (whyPostgresql !== null)
	createWriteStream("", { fd: 2 }).write(`SKIPPED Unix sockets, PostgreSQL: ${whyPostgresql}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;
const livePostgresql = whyPostgresql === null ? test.serial : test.serial.skip;

/** Raised for proofs. */
const COUNT = Number(process.env.POLYTAP_UNIX_COUNT ?? 300);

const captureUnix = (scope: Scope, paths: readonly string[], more: object = {}, source: object = {}) =>
	captureLive(scope, [1], { ...more }, { targets: [{ unix: paths }], ring_bytes: 64 << 20, ...source });

const sha = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const exchangesOf = (records: readonly Exchange[], protocol: string): Exchange[] =>
	records.filter((record) => record.protocol === protocol && record.kind === "exchange");

async function listen(scope: Scope, server: Server, path: string): Promise<void> {
	await new Promise<void>((resolve) => server.listen(path, resolve));
	scope.defer(() => server.close());
}

live("Redis: every command and reply, both ends known, from the first byte on", (t) =>
	withScope(async (scope) => {
		const { socket, program } = await startRedis(scope);
		const stop = await captureUnix(scope, [socket]);
		const redis = new Redis({ path: socket, enableReadyCheck: false, disableClientInfo: true });
		scope.defer(() => redis.disconnect());
		const said: string[] = [];
		for (let i = 0; i < COUNT; i++) {
			const value = `value ${i} ${"x".repeat((i * 37) % 5000)}`;
			await redis.set(`key:${i}`, value);
			said.push(sha(value));
			if ((await redis.get(`key:${i}`)) !== value) t.fail("the server is wrong");
		}
		const records = await stop();
		const all = exchangesOf(records, "redis");
		const sets = all.filter(({ request: asked }) => asked?.attributes["db.operation.name"] === "SET");
		const gets = all.filter(({ request: asked }) => asked?.attributes["db.operation.name"] === "GET");
		t.deepEqual(
			sets.map(({ request: asked }) => sha((asked?.body.data as string[] | undefined)?.[2] ?? "")),
			said,
		);
		t.deepEqual(
			gets.map(({ response }) => sha(String(response?.body.data))),
			said,
		);
		t.true(all.every(({ outcome }) => outcome === "ok"));
		const { connection } = sets[0]!;
		t.is(connection.transport, "unix");
		t.is(connection.server.address, socket);
		t.is(connection.server.process?.pid, program.pid);
		// the client's end is told for its identity, once the server's bytes are known
		t.is(sets.at(-1)?.connection.client.process?.pid, process.pid);
		t.is(new Set(all.map(({ connection: { id } }) => id)).size, 1);
	}),
);

live("Redis: a connection that was open before is read from where it stands", (t) =>
	withScope(async (scope) => {
		const { socket } = await startRedis(scope);
		const redis = new Redis({ path: socket, enableReadyCheck: false, disableClientInfo: true });
		scope.defer(() => redis.disconnect());
		for (let i = 0; i < 50; i++) await redis.set(`before:${i}`, "x");
		await callsReturned();
		const stop = await captureUnix(scope, [socket]);
		for (let i = 0; i < 100; i++) await redis.set(`after:${i}`, String(i));
		const all = exchangesOf(await stop(), "redis");
		const keys = all.map(({ request: asked }) => (asked?.body.data as string[] | undefined)?.[1]);
		t.deepEqual(
			keys,
			Array.from({ length: 100 }, (_, i) => `after:${i}`),
		);
		t.true(all.every(({ outcome }) => outcome === "ok"));
	}),
);

livePostgresql("PostgreSQL: a login and every statement with its rows", (t) =>
	withScope(async (scope) => {
		const { folder, port, start } = await startPostgresql(scope);
		const path = join(folder, `.s.PGSQL.${port}`);
		const stop = await captureUnix(scope, [path]);
		const rounds = Math.ceil(COUNT / 30);
		const statements = Array.from(
			{ length: rounds * 30 },
			(_, i) => `select ${i} as n, repeat('y', ${(i * 41) % 3000}) as t`,
		);
		for (let from = 0; from < statements.length; from += 300) {
			const args = ["-XAt", "-h", folder, ...statements.slice(from, from + 300).flatMap((sql) => ["-c", sql])];
			const { code } = await start("psql", args).exited;
			t.is(code, 0);
		}
		const all = exchangesOf(await stop(), "postgresql");
		const queries = all.filter(({ request: asked }) =>
			String(asked?.attributes["db.query.text"] ?? "").startsWith("select "),
		);
		t.is(queries.length, statements.length);
		// connections come out in any order
		const rowOf = ({ response }: Exchange) => ((response?.body.data ?? []) as { n: unknown; t: unknown }[])[0];
		const byNumber = new Map(queries.map((exchange) => [String(rowOf(exchange)?.n), exchange]));
		for (const i of statements.keys()) {
			const found = byNumber.get(String(i));
			if (found?.outcome !== "ok" || found.response?.body.completeness !== "complete")
				t.fail(`${i}: ${found?.outcome}`);
			else if (sha(String(rowOf(found)?.t)) !== sha("y".repeat((i * 41) % 3000))) t.fail(`${i}: another row`);
		}
		t.is(queries[0]?.connection.server.address, path);
		t.is(queries[0]?.connection.server.process?.name, "postgres");
	}),
);

live("HTTP: large bodies whole; a connection that is over is told as such while capture goes on", (t) =>
	withScope(async (scope) => {
		const path = join(await scope.folder(), "http.sock");
		const server = createServer((incoming, outgoing) => {
			const chunks: Buffer[] = [];
			incoming.on("data", (chunk: Buffer) => chunks.push(chunk)).once("end", () => outgoing.end(Buffer.concat(chunks)));
		});
		await listen(scope, server, path);
		const stop = await captureUnix(scope, [path], { capture: { connection_records: true, max_body_bytes: 8 << 20 } });
		const sent: string[] = [];
		for (let i = 0; i < 5; i++) {
			const body = "0123456789abcdef".repeat(1 << (8 + i * 2));
			sent.push(sha(body));
			await new Promise<void>((resolve, reject) => {
				const asked = request({ socketPath: path, method: "POST", path: `/${i}`, agent: false }, (response) =>
					response.resume().once("end", resolve),
				);
				asked.once("error", reject).end(body);
			});
		}
		const connectionsIn = (records: readonly Exchange[]) => records.filter(({ kind }) => kind === "connection");
		const records = await stop((soFar) => connectionsIn(soFar).length === sent.length);
		const all = exchangesOf(records, "http/1.1");
		for (const side of ["request", "response"] as const)
			t.deepEqual(
				all.map((exchange) => sha(String(exchange[side]?.body.data))),
				sent,
				side,
			);
		const connections = connectionsIn(records);
		t.is(connections.length, 5);
		t.true(connections.every(({ outcome }) => outcome === "ok"));
	}),
);

live("vantage both: both ends tell every byte, and it is one connection", (t) =>
	withScope(async (scope) => {
		const { socket } = await startRedis(scope);
		const stop = await captureUnix(scope, [socket], { capture: { merge_window_ms: 5_000 } }, { vantage: "both" });
		const redis = new Redis({ path: socket, enableReadyCheck: false, disableClientInfo: true });
		scope.defer(() => redis.disconnect());
		for (let i = 0; i < 100; i++) await redis.set(`key:${i}`, "v".repeat(i * 20));
		const all = exchangesOf(await stop(), "redis").filter(({ summary }) => summary.operation.startsWith("SET "));
		t.is(all.length, 100);
		const vantages = (exchange: Exchange): string =>
			exchange.observedBy
				.map(({ vantage }) => vantage)
				.sort()
				.join();
		t.true(
			all.every((exchange) => vantages(exchange) === "client,server"),
			all.map(vantages).join(" "),
		);
		t.true(all.every(({ flags }) => flags.length === 0));
	}),
);

live("abstract names, `*`, and what no rule names", (t) =>
	withScope(async (scope) => {
		const name = `polytap-test-${process.pid}`;
		const talk = async (address: string): Promise<void> => {
			const socket: Socket = await new Promise((resolve, reject) => {
				const made = connect(address, () => resolve(made)).once("error", reject);
			});
			await new Promise<void>((resolve) => socket.once("data", () => resolve()).write("PING\r\n"));
			socket.destroy();
		};
		const pong = (): Server =>
			createPlainServer((socket) => socket.on("data", () => socket.write("+PONG\r\n")).on("error", () => {}));
		const other = join(await scope.folder(), "other.sock");
		await listen(scope, pong(), `\0${name}`);
		await listen(scope, pong(), other);
		const stop = await captureUnix(scope, [`@${name}`]);
		await talk(`\0${name}`);
		await talk(other);
		const named = exchangesOf(await stop(), "redis");
		t.deepEqual(
			named.map(({ connection }) => connection.server.address),
			[`@${name}`],
		);
		const stopAll = await captureLive(scope, [1], {}, { targets: [{ unix: ["*"], pids: [process.pid] }] });
		await talk(`\0${name}`);
		await talk(other);
		const any = exchangesOf(await stopAll(), "redis");
		t.deepEqual(any.map(({ connection }) => connection.server.address).sort(), [`@${name}`, other].sort());
	}),
);
