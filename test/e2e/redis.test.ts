/** Redis and its clients, captured live through the command line: what each client did and had, once, and nothing else. */
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { Redis } from "ioredis";
import type { Exchange } from "../../core/index.js";
import { command } from "../parsers/redis/talk.js";
import { linesOf } from "./support/lines.js";
import { missing } from "./support/needs.js";
import { captureConfig, type Polytap, startPolytap } from "./support/polytap.js";
import { Program, pause, runProgram, until } from "./support/program.js";
import { PASSWORD, RawClient, type RedisServer, startRedis } from "./support/redis.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "redis-server", "redis-cli", "redis-benchmark");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED Redis, live: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const MIB = 1 << 20;

interface Captured {
	readonly exchanges: readonly Exchange[];
	readonly text: string;
}

interface Running {
	readonly polytap: Polytap;
	/** Ends the capture. Everything that polytap wrote or said is in `text`. */
	end(): Promise<Captured>;
	/** The same for more than fits into a string: one exchange after the other. */
	endOf(use: (exchange: Exchange) => void): Promise<void>;
}

async function start(scope: Scope, { port }: RedisServer, capture: Record<string, unknown> = {}): Promise<Running> {
	const path = join(await scope.folder(), "out.jsonl");
	const config = captureConfig({
		ports: [port],
		path,
		capture: { max_held_bytes: 512 * MIB, ...capture },
		source: { ring_bytes: 128 * MIB },
		sink: { queue: { max_bytes: 512 * MIB, max_exchanges: 1_048_576 } },
	});
	const polytap = await startPolytap(scope, { config });
	const stop = async (): Promise<string> => {
		await polytap.settled();
		const { code, totals, stderr } = await polytap.stop();
		if (code !== 0) throw new Error(stderr);
		if (totals.engine.parser_failures !== 0) throw new Error(`${totals.engine.parser_failures} parser failures`);
		return stderr + JSON.stringify(totals);
	};
	return {
		polytap,
		async end() {
			const said = await stop();
			const text = await readFile(path, "utf8");
			const lines = text.split("\n").filter((line) => line !== "");
			return { exchanges: lines.map((line): Exchange => JSON.parse(line)), text: text + said };
		},
		async endOf(use) {
			await stop();
			for await (const line of linesOf(path)) use(JSON.parse(line.toString()));
		},
	};
}

function clientOf(scope: Scope, { port }: RedisServer, more: object = {}): Redis {
	const redis = new Redis({ host: "127.0.0.1", port, enableReadyCheck: false, disableClientInfo: true, ...more });
	scope.defer(() => redis.disconnect());
	return redis;
}

const nameOf = ({ request }: Exchange): string => String(request?.attributes["db.operation.name"] ?? "");
const wordsOf = ({ request }: Exchange): readonly unknown[] => (request?.body.data ?? []) as readonly unknown[];
const only = (all: readonly Exchange[], kind: string): Exchange[] => all.filter((exchange) => exchange.kind === kind);

/** As ioredis gives it: an error as its text. */
function replyOf({ response, outcome }: Exchange): unknown {
	const data = response?.body.data;
	if (outcome === "error") return new Error(String(data));
	const type = String(response?.attributes["redis.reply.type"]);
	if (type === "map") return Object.fromEntries(data as [string, unknown][]);
	return ["integer", "null", "boolean", "double"].includes(type) ? (data as unknown[])[0] : plain(data);
}

function plain(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(plain);
	if (typeof value !== "object" || value === null) return value;
	return "$error" in value ? new Error(String(value.$error)) : value;
}

interface Said {
	readonly words: readonly string[];
	readonly reply: unknown;
}

/** Does something of every kind, one after the other, and writes down what came of it. */
async function talk(redis: Redis): Promise<Said[]> {
	const said: Said[] = [];
	const call = async (...words: readonly string[]): Promise<void> => {
		const [name = "", ...args] = words;
		const reply = await redis.call(name, ...args).catch((error: Error) => new Error(error.message));
		said.push({ words, reply });
	};
	for (let i = 0; i < 50; i++) {
		await call("SET", `key:${i}`, `wërt ${i} \r\n "${"x".repeat(i * 7)}"`);
		await call("GET", `key:${i}`);
	}
	await call("GET", "nothing");
	await call("INCR", "n");
	await call("INCRBY", "n", "41");
	await call("INCR", "key:1");
	await call("LPUSH", "key:1", "a");
	await call("RPUSH", "list", "a", "", "c");
	await call("LRANGE", "list", "0", "-1");
	await call("HSET", "hash", "a", "1", "b", "2");
	await call("HGETALL", "hash");
	await call("ZADD", "z", "1.5", "one", "2", "two");
	await call("ZRANGE", "z", "0", "-1", "WITHSCORES");
	await call("MGET", "key:0", "nothing", "key:2");
	await call("EVAL", "return {1, 'two', {3, false}, redis.status_reply('FINE')}", "0");
	await call("EVAL", "return redis.error_reply('OWN told so')", "0");
	await call("XADD", "stream", "1-1", "field", "value");
	await call("XRANGE", "stream", "-", "+");
	await call("OBJECT", "ENCODING", "list");
	await call("NOSUCH", "thing");
	const pipeline = Array.from({ length: 200 }, (_, i) => ["echo", `line ${i}`]);
	const replies = (await redis.pipeline(pipeline).exec()) ?? [];
	for (const [i, [, reply]] of replies.entries()) said.push({ words: pipeline[i]!, reply });
	return said;
}

for (const protocol of [2, 3] as const)
	live(`ioredis, RESP${protocol}: commands, replies and errors are what the client had`, (t) =>
		withScope(async (scope) => {
			const server = await startRedis(scope);
			const running = await start(scope, server);
			const redis = clientOf(scope, server, protocol === 2 ? { protocol } : { protocol, replyMapping: "resp3" });
			const said = await talk(redis);
			const results = (await redis.multi().set("t", "1").lpush("t", "x").incr("n").exec()) ?? [];
			t.is(results[0]?.[1], "OK");
			t.regex(String(results[1]?.[0]), /WRONGTYPE/);
			await redis.watch("t");
			await server.ask("SET", "t", "2");
			t.is(await redis.multi().set("t", "3").exec(), null);
			await redis.quit();
			const { exchanges } = await running.end();
			t.deepEqual(only(exchanges, "exchange"), exchanges);
			// in RESP3 the client says something by itself when it connects
			const others = exchanges.filter((x) => nameOf(x) !== "HELLO");
			t.is(exchanges.length - others.length, protocol === 2 ? 0 : 1);
			for (const [i, { words, reply }] of said.entries()) {
				t.deepEqual(wordsOf(others[i]!), words);
				t.deepEqual(replyOf(others[i]!), reply, words.join(" "));
			}
			const rest = others.slice(said.length);
			const [multi, , , , exec] = rest;
			t.deepEqual(
				[multi, exec].map((x) => nameOf(x!)),
				["MULTI", "EXEC"],
			);
			t.deepEqual(
				rest.slice(1, 5).map((x) => x.parentId),
				Array(4).fill(multi!.id),
			);
			t.deepEqual(exec!.request!.attributes["redis.transaction.commands"], ["SET t ?", "LPUSH t ?", "INCR n"]);
			const [ok, wrong, number] = exec!.response!.body.data as unknown[];
			t.is(ok, "OK");
			t.regex(JSON.stringify(wrong), /^\{"\$error":"WRONGTYPE /);
			t.is(number, 43);
			const last = exchanges.filter((x) => nameOf(x) === "EXEC").at(-1)!;
			t.true(last.response!.attributes["redis.transaction.aborted"]);
			t.is(nameOf(exchanges.at(-1)!), "QUIT");
			t.true(
				exchanges.every(({ protocol, outcome }) => protocol === "redis" && (outcome === "ok" || outcome === "error")),
			);
		}),
	);

live("redis-benchmark -P 16: every command that the server counted, and every number that it gave", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const running = await start(scope, server);
		const requests = 4000;
		const tests = "set,get,incr,lpush,rpush,lpop,sadd,hset,zadd,lrange_100,mset";
		const args = ["-h", "127.0.0.1", "-p", String(server.port), "-c", "8", "-P", "16", "-n", String(requests), "-q"];
		await runProgram("redis-benchmark", [...args, "-t", tests], 120_000);
		const calls = await server.calls();
		const { exchanges } = await running.end();
		const counted: Record<string, number> = {};
		for (const exchange of exchanges) {
			const name = nameOf(exchange);
			const [, sub = ""] = wordsOf(exchange);
			const key = name === "CONFIG" ? `${name}|${String(sub).toUpperCase()}` : name;
			counted[key] = (counted[key] ?? 0) + 1;
		}
		// what was asked through the socket's file
		const { INFO: _, ...others } = calls;
		for (const [name, count] of Object.entries(others)) {
			if (name === "CONFIG|RESETSTAT" || name === "ACL|SETUSER") continue;
			t.is(counted[name], count, name);
		}
		t.true((counted.INCR ?? 0) >= requests);
		t.deepEqual([...new Set(exchanges.map(({ outcome }) => outcome))], ["ok"]);
		t.deepEqual([...new Set(exchanges.flatMap(({ flags }) => flags))], []);
		const numbers = exchanges.filter((x) => nameOf(x) === "INCR").map((x) => Number(replyOf(x)));
		t.deepEqual(
			numbers.sort((a, b) => a - b),
			numbers.map((_number, i) => i + 1),
		);
		const value = wordsOf(exchanges.find((x) => nameOf(x) === "SET")!)[2];
		for (const exchange of exchanges) if (nameOf(exchange) === "GET") t.is(replyOf(exchange), value);
	}),
);

live(
	"joined in the middle of redis-benchmark -P 16: from the first whole exchange on nothing is missing or wrong",
	(t) =>
		withScope(async (scope) => {
			const server = await startRedis(scope);
			const [clients, pipeline] = [4, 16];
			const args = ["-p", String(server.port), "-c", String(clients), "-P", String(pipeline), "-n", "100000000", "-q"];
			// a command that keeps the server busy for a little: as fast as it can be there would be a million of them
			const script = "local x = 0 for i = 1, 3000 do x = x + i end return redis.call('incr', 'n')";
			const bench = new Program("redis-benchmark", [...args, "EVAL", script, "0"]);
			scope.defer(() => bench.stop());
			const count = async (): Promise<number> => Number(await server.ask("GET", "n"));
			await bench.until(async () => (await count()) > 1000, 60_000);
			const running = await start(scope, server);
			const enough = (await count()) + 8_000;
			await bench.until(async () => (await count()) > enough, 60_000);
			await bench.stop("SIGINT");
			const last = await count();
			/** By connection: the numbers that it was given, in order, once its first whole exchange had come. */
			const given = new Map<string, number[]>();
			const wrong: string[] = [];
			let partial = 0;
			await running.endOf((exchange) => {
				const { outcome, connection } = exchange;
				const numbers = given.get(connection.id);
				// at its end the client was stopped in the middle
				if (outcome === "unanswered" || outcome === "aborted") return;
				if (numbers === undefined && outcome === "partial") partial++;
				else if (outcome !== "ok" || nameOf(exchange) !== "EVAL") wrong.push(JSON.stringify(exchange));
				else if (numbers === undefined) given.set(connection.id, [Number(replyOf(exchange))]);
				else numbers.push(Number(replyOf(exchange)));
			});
			t.deepEqual(wrong.slice(0, 3), []);
			t.is(given.size, clients);
			const found = new Set<number>();
			for (const numbers of given.values()) {
				for (const [i, number] of numbers.entries()) if (i > 0 && number <= numbers[i - 1]!) wrong.push(`${number}`);
				for (const number of numbers) found.add(number);
			}
			t.deepEqual(wrong.slice(0, 3), []);
			const all = [...given.values()];
			t.is(found.size, all.flat().length);
			const from = Math.max(...all.map(([first = 0]) => first));
			const lost: number[] = [];
			// what the server gave last may not have left it any more
			for (let number = from; number <= last - clients * pipeline; number++) if (!found.has(number)) lost.push(number);
			t.deepEqual(lost, []);
			t.true(found.size > 5000, `only ${found.size} were captured`);
			t.log(`${found.size} of ${last} captured, ${partial} partial before, all from ${from} on`);
		}),
);

live("joined in the middle of pipelines: each reply is that of its own command", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const clients = Array.from({ length: 4 }, () => clientOf(scope, server));
		let isOver = false;
		const began: { readonly id: string; readonly atMs: number }[] = [];
		const load = clients.map(async (redis, c) => {
			for (let round = 0; !isOver; round++) {
				const ids = Array.from({ length: 1 + ((round * 7 + c) % 23) }, (_, i) => `${c}-${round}-${i}`);
				const atMs = Date.now();
				await redis.pipeline(ids.map((id) => ["echo", id])).exec();
				for (const id of ids) began.push({ id, atMs });
				await pause(1);
			}
		});
		await until(() => began.length > 500, "the load goes");
		const running = await start(scope, server);
		const readyMs = Date.now();
		const enough = began.length + 5_000;
		await until(() => began.length > enough, "more of the load");
		isOver = true;
		await Promise.all(load);
		const { exchanges } = await running.end();
		const found = new Set<string>();
		for (const exchange of exchanges) {
			const [name, id] = wordsOf(exchange);
			if (exchange.outcome !== "ok" || name !== "echo") continue;
			t.is(replyOf(exchange), id);
			t.false(found.has(String(id)));
			found.add(String(id));
		}
		// a connection's first pipeline shows which reply answers what; it began before we were ready, or is this one
		const first = clients.map((_, c) => began.find(({ id, atMs }) => id.startsWith(`${c}-`) && atMs > readyMs)?.atMs);
		const missed = began
			.filter(({ id, atMs }) => atMs > readyMs && atMs !== first[Number(id.split("-")[0])] && !found.has(id))
			.map(({ id }) => id);
		t.deepEqual(missed, []);
		t.true(found.size > 2000, `${found.size}`);
	}),
);

live("AUTH, HELLO, CONFIG SET, ACL: no secret in any byte that polytap writes", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const running = await start(scope, server);
		const redis = clientOf(scope, server, { username: "app", password: PASSWORD });
		t.is(await redis.ping(), "PONG");
		await redis.config("SET", "masterauth", PASSWORD);
		const settings = (await redis.config("GET", "*auth*")) as string[];
		t.true(settings.includes(PASSWORD));
		await redis.call("ACL", "SETUSER", "other", "on", `>${PASSWORD}`, "~*");
		const list = (await redis.call("ACL", "LIST")) as string[];
		const hash = /#([0-9a-f]{64})/.exec(list.join(" "))?.[1];
		t.truthy(hash);
		await redis.call("ACL", "GETUSER", "other");
		const monitor = await RawClient.open(scope, server.port);
		await monitor.say(command("MONITOR"), "+OK\r\n");
		const raw = await RawClient.open(scope, server.port);
		t.regex(await raw.say(command("HELLO", "3", "AUTH", "app", PASSWORD, "SETNAME", "me"), "\r\n"), /proto/);
		t.is(await raw.say(`AUTH app ${PASSWORD}\r\n`, "+OK\r\n"), "+OK\r\n");
		t.regex(await raw.say(command("AUTH", "app", `${PASSWORD}-wrong`), "\r\n"), /WRONGPASS/);
		await server.cli("--user", "app", "--pass", PASSWORD, "--no-auth-warning", "PING");
		await redis.call("SET", "k", "last");
		await monitor.until('"k" "last"\r\n');
		await redis.quit();
		await raw.end();
		await monitor.end();
		const { exchanges, text } = await running.end();
		t.false(text.includes(PASSWORD));
		t.false(text.includes(Buffer.from(PASSWORD).toString("base64").slice(0, 16)));
		t.false(text.includes(String(hash)));
		const auths = exchanges.filter((x) => x.kind === "exchange" && nameOf(x) === "AUTH");
		t.is(auths.length, 3);
		t.is(auths.filter(({ outcome }) => outcome === "error").length, 1);
		for (const { request } of auths)
			t.deepEqual(
				request!.body.gaps.map(({ cause }) => cause),
				["redacted"],
			);
		const hello = exchanges.find((x) => wordsOf(x).includes("SETNAME"))!;
		t.deepEqual(wordsOf(hello), ["HELLO", "3", "AUTH", "app", "SETNAME", "me"]);
		t.is(hello.response!.attributes["redis.reply.type"], "map");
	}),
);

live("RESP3: what redis-cli prints as JSON is what was recorded; client-side caching tells what became invalid", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		await server.ask("HSET", "hash", "a", "1", "b", "zwei");
		await server.ask("SADD", "set", "x");
		await server.ask("ZADD", "z", "1.5", "one", "3", "three");
		const running = await start(scope, server);
		const asked = [
			["HGETALL", "hash"],
			["SMEMBERS", "set"],
			["ZSCORE", "z", "one"],
			["ZRANGE", "z", "0", "-1", "WITHSCORES"],
			["GET", "none"],
			["EVAL", "redis.setresp(3); return {true, false, 7}", "0"],
			["DEBUG", "PROTOCOL", "verbatim"],
		];
		const printed: unknown[] = [];
		for (const words of asked) printed.push(JSON.parse(await server.cli("-3", "--json", ...words)));
		const raw = await RawClient.open(scope, server.port);
		await raw.say(command("HELLO", "3"), "\r\n");
		await raw.say(command("CLIENT", "TRACKING", "ON"), "+OK\r\n");
		await raw.say(command("GET", "tracked"), "_\r\n");
		const from = raw.received.length;
		await server.ask("SET", "tracked", "new");
		const push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$7\r\ntracked\r\n";
		t.is(await raw.until(push, from), push);
		await raw.say(command("DEBUG", "PROTOCOL", "attrib"), "\r\n");
		const number = await raw.say(command("DEBUG", "PROTOCOL", "bignum"), "\r\n");
		await raw.end();
		const { exchanges } = await running.end();
		const found = exchanges.filter((x) => asked.some((words) => words.join(" ") === wordsOf(x).join(" ")));
		t.is(found.length, asked.length);
		for (const [i, exchange] of found.entries()) t.deepEqual(replyOf(exchange), printed[i], asked[i]!.join(" "));
		const [invalidated, ...others] = only(exchanges, "message");
		t.deepEqual(others, []);
		t.is(invalidated!.response!.attributes["redis.push.kind"], "invalidate");
		t.deepEqual(invalidated!.response!.body.data, ["invalidate", ["tracked"]]);
		const attributed = exchanges.find((x) => wordsOf(x).includes("attrib"))!;
		t.truthy(attributed.response!.attributes["redis.reply.attributes"]);
		const large = exchanges.find((x) => wordsOf(x).includes("bignum"))!;
		t.deepEqual(large.response!.body.data, [{ $integer: number.slice(1, -2) }]);
	}),
);

/** ioredis gives bytes beyond ASCII as the server escapes them. */
const unescaped = (text: string): string =>
	Buffer.from(
		text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
		"latin1",
	).toString("utf8");

live("pub/sub and MONITOR: one message for each that the client got", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const running = await start(scope, server);
		const [subscriber, patterns, publisher] = [
			clientOf(scope, server),
			clientOf(scope, server),
			clientOf(scope, server),
		];
		const got: string[] = [];
		subscriber.on("message", (channel: string, text: string) => got.push(`message ${channel} ${text}`));
		patterns.on("pmessage", (pattern: string, channel: string, text: string) =>
			got.push(`pmessage ${pattern} ${channel} ${text}`),
		);
		await subscriber.subscribe("news", "more");
		await patterns.psubscribe("n*");
		const monitor = await clientOf(scope, server).monitor();
		scope.defer(() => monitor.disconnect());
		const seen: string[] = [];
		monitor.on("monitor", (_time: string, args: string[]) => seen.push(unescaped(args.join(" "))));
		const texts = Array.from({ length: 100 }, (_, i) => `nächste ${i} ${"y".repeat(i * 50)}`);
		for (const text of texts) await publisher.publish("news", text);
		await publisher.publish("more", "last");
		await until(() => got.length >= 201 && seen.length >= 101, "every message is there");
		await subscriber.unsubscribe();
		for (const redis of [subscriber, patterns, publisher]) redis.disconnect();
		await server.ask("ECHO", "the last one");
		await until(() => seen.at(-1)?.includes("the last one") === true, "it is told of everything");
		monitor.disconnect();
		t.is(got.length, 201);
		const { exchanges } = await running.end();
		const messages = only(exchanges, "message").filter(({ response }) => response?.attributes["messaging.system"]);
		const recorded = messages.map(({ response }) => {
			const { attributes, body } = response!;
			const pattern = attributes["redis.pubsub.pattern"];
			const middle = pattern === undefined ? "" : ` ${pattern}`;
			return `${attributes["redis.push.kind"]}${middle} ${attributes["messaging.destination.name"]} ${body.data}`;
		});
		t.deepEqual(recorded.sort(), got.sort());
		const lines = only(exchanges, "message").filter(({ response }) => response?.attributes["redis.monitor.client"]);
		t.deepEqual(
			lines.map(({ response }) => (response!.body.data as string[]).join(" ")),
			seen,
		);
		t.is(seen.filter((line) => /^publish /i.test(line)).length, 101);
		const subscribed = exchanges.find((x) => nameOf(x) === "SUBSCRIBE")!;
		t.deepEqual(subscribed.response!.body.data, [
			["subscribe", "news", 1],
			["subscribe", "more", 2],
		]);
		t.is(exchanges.filter((x) => x.kind === "exchange" && nameOf(x) === "PUBLISH").length, 101);
	}),
);

live("a string of 20 MiB both ways, a command that blocks, inline commands, silence", (t) =>
	withScope(async (scope) => {
		const server = await startRedis(scope);
		const running = await start(scope, server, { max_body_bytes: 64 * MIB });
		const redis = clientOf(scope, server);
		const large = Buffer.alloc(20 * MIB, "0123456789 abcdef");
		await redis.set("large", large);
		t.true((await redis.getBuffer("large"))?.equals(large));
		const other = clientOf(scope, server);
		const waiting = other.blpop("queue", 60);
		await until(async () => /^blocked_clients:1\b/m.test(await server.ask("INFO", "clients")), "it waits");
		await pause(400);
		await redis.rpush("queue", "done");
		t.deepEqual(await waiting, ["queue", "done"]);
		t.is(await other.blpop("queue", 0.1), null);
		const raw = await RawClient.open(scope, server.port);
		t.is(await raw.say("PING\r\n", "\r\n"), "+PONG\r\n");
		t.is(await raw.say(`  set "a key" 'a \\' b' \n`, "\r\n"), "+OK\r\n");
		t.is(await raw.say('GET "a\\x20key"\r\n', "b\r\n"), "$5\r\na ' b\r\n");
		t.is(
			await raw.say(
				command("CLIENT", "REPLY", "SKIP") + command("SET", "quiet", "1") + command("GET", "quiet"),
				"1\r\n1\r\n",
			),
			"$1\r\n1\r\n",
		);
		await raw.end();
		await redis.quit();
		const { exchanges } = await running.end();
		const one = (text: string): Exchange => exchanges.find((x) => x.summary.operation === text)!;
		const set = one("SET large ?");
		t.is(set.request!.body.completeness, "complete");
		t.true(wordsOf(set)[2] === large.toString());
		const get = one("GET large");
		t.is(get.response!.body.bytes, large.length);
		t.true(replyOf(get) === large.toString());
		const blocking = exchanges.filter((x) => nameOf(x) === "BLPOP");
		t.deepEqual(blocking.map(replyOf), [["queue", "done"], null]);
		t.true(blocking[0]!.durationUs >= 300_000, `${blocking[0]!.durationUs} µs`);
		t.is(replyOf(one('GET "a key"')), "a ' b");
		t.deepEqual(wordsOf(one('SET "a key" ?')), ["set", "a key", "a ' b"]);
		const silent = only(exchanges, "message").map(({ summary }) => summary.operation);
		t.deepEqual(silent, ["CLIENT REPLY SKIP", "SET quiet ?"]);
		t.is(replyOf(one("GET quiet")), "1");
	}),
);
