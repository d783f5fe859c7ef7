/** Every registered parser against the first bytes of every protocol: never a wrong one. */
import { existsSync } from "node:fs";
import test from "ava";
import { BUILTINS } from "../../core/app/builtins.js";
import { Plugins } from "../../core/app/plugins.js";
import { Detection } from "../../core/engine/detection.js";
import { ParserRegistry } from "../../core/engine/registry.js";
import type { DetectHint, ParserPlugin } from "../../core/index.js";
import type { Sample } from "./sample.js";

const LENGTHS = [1, 4, 16, 64, 4096];
const NOTHING = new Uint8Array(0);
const parsers: readonly ParserPlugin[] = await new Plugins(BUILTINS).parsers();
const SERVER_PORT = 7;

type Pair = readonly [client: Uint8Array, server: Uint8Array];

interface Named extends Sample {
	readonly name: string;
}

function ask([client, server]: Pair, late: boolean, asked: readonly ParserPlugin[] = parsers): string {
	const failures: unknown[] = [];
	const registry = new ParserRegistry(asked, (_plugin, error) => failures.push(error));
	const hint: DetectHint = { transport: "tcp", serverPort: SERVER_PORT, alpn: null, late };
	const answer = new Detection(registry).ask(client, server, hint);
	if (failures.length > 0) throw failures[0];
	return typeof answer === "object" ? answer.protocol : answer;
}

/** What may have been seen of a connection first: one direction, the other, or both. */
const views = (client: Uint8Array, server: Uint8Array): readonly Pair[] => [
	[client, NOTHING],
	[NOTHING, server],
	[client, server],
];

const fileOf = (module: string): URL => {
	const folder = /\/parsers\/([^/]+)\/index\.js$/.exec(module)?.[1] ?? "";
	return new URL(`./${folder}/samples.js`, import.meta.url);
};
const all: Named[] = [];
for (const { name, module } of BUILTINS.parsers) {
	const file = fileOf(module);
	if (!existsSync(file)) continue;
	const { samples }: { samples: readonly Sample[] } = await import(file.href);
	for (const sample of samples) all.push({ name, ...sample });
}
/** From the start, cut off after so many bytes. */
const beginnings = ({ client, server }: Sample): readonly Pair[] =>
	LENGTHS.flatMap((length) => views(client.subarray(0, length), server.subarray(0, length)));
/** From any byte on, and as much of that as one segment may bring. */
function middles({ client, server }: Sample): Pair[] {
	const found: Pair[] = [];
	for (let from = 0; from < Math.max(client.length, server.length); from++)
		for (const length of LENGTHS)
			found.push(...views(client.subarray(from, from + length), server.subarray(from, from + length)));
	return found;
}
const shown = ([client, server]: Pair): string =>
	[client, server].map((bytes) => JSON.stringify(Buffer.from(bytes).toString("latin1").slice(0, 80))).join(" / ");

for (const { name, module } of BUILTINS.parsers) {
	const own = all.filter((sample) => sample.name === name);

	test(`the first bytes of ${name}, in both directions, and from its middle on`, (t) => {
		t.true(existsSync(fileOf(module)), `${fileOf(module).pathname} is missing`);
		for (const sample of own) {
			for (const pair of beginnings(sample))
				t.true([name, "more"].includes(ask(pair, false)), `${ask(pair, false)}: ${shown(pair)}`);
			t.is(ask([sample.client, sample.server], false), name);
			for (const pair of middles(sample))
				t.true([name, "more", "no"].includes(ask(pair, true)), `${ask(pair, true)}: ${shown(pair)}`);
		}
	});

	// who reads payloads of others alone has no beginning
	if (own.length > 0)
		test(`${name} with its ends taken one for the other: nobody claims the beginning`, (t) => {
			for (const { client, server } of own)
				for (const [a, b] of beginnings({ client, server })) {
					const answer = ask([b, a], false);
					t.true(["more", "no"].includes(answer), `${answer}: ${shown([b, a])}`);
				}
		});

	// a port hint may ask it first
	test(`${name} claims nothing of others, whoever is asked first`, (t) => {
		const alone = parsers.filter(({ protocol }) => protocol === name);
		for (const other of all) {
			if (other.name === name) continue;
			for (const late of [false, true])
				for (const pair of late ? middles(other) : beginnings(other)) {
					const answer = ask(pair, late, alone);
					t.not(answer, name, `${late ? "late " : ""}${other.name}: ${shown(pair)}`);
				}
		}
	});
}

const server = (name: string): readonly Sample[] => all.filter((sample) => sample.name === name);

test("a server that speaks first is waited for or recognised by its greeting, and by nothing else", (t) => {
	for (const { server: greeting } of server("mysql")) {
		t.is(ask([NOTHING, greeting.subarray(0, 4)], false), "more");
		t.true(["more", "mysql"].includes(ask([NOTHING, greeting], false)));
		// a greeting of something else, to clients of every protocol
		for (const { name, client } of all) {
			const answer = ask([client, Buffer.from("220 mail.example.test ESMTP\r\n")], false);
			t.true([name, "more", "no"].includes(answer), `${answer} for a client of ${name}`);
		}
	}
});

test("one protocol's client with another's server: never a third, and the server's only after its own greeting", (t) => {
	for (const a of all)
		for (const b of all) {
			const answer = ask([a.client, b.server], false);
			t.true([a.name, b.name, "more", "no"].includes(answer), `${answer} for ${a.name} and ${b.name}`);
		}
});

const random = seeded(7);

test("random bytes are nobody's", (t) => {
	for (let i = 0; i < 3000; i++) {
		const pair: Pair = [random(1 + (i % 64)), random(1 + ((i * 7) % 64))];
		for (const late of [false, true]) t.true(["more", "no"].includes(ask(pair, late)), shown(pair));
	}
	for (let i = 0; i < 60; i++) {
		const pair: Pair = [random(2048), random(2048)];
		for (const late of [false, true]) t.is(ask(pair, late), "no");
	}
});

test("random text, lines of it and numbers are nobody's", (t) => {
	const letters = "abcdefghijklmnopqrstuvwxyz ABC0123456789.,:;-_/\r\n";
	const text = (length: number): Uint8Array => random(length).map((byte) => letters.charCodeAt(byte % letters.length));
	for (let i = 0; i < 2000; i++) {
		const pair: Pair = [text(1 + (i % 200)), text(1 + ((i * 7) % 200))];
		for (const late of [false, true]) t.true(["more", "no"].includes(ask(pair, late)), shown(pair));
	}
});

/** Records of TLS (RFC 8446, section 5.1), with anything in them. */
const record = (type: number, length: number): Uint8Array =>
	Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 255]), random(length)]);

test("records of TLS, from the start and from the middle on: TLS, or nobody's", (t) => {
	const kinds = [20, 21, 22, 23, 24];
	for (let i = 0; i < 300; i++) {
		const records = Array.from({ length: 1 + (i % 4) }, (_, j) => record(kinds[(i + j) % 5]!, 1 + ((i * 37) % 1500)));
		const whole = Buffer.concat(records);
		for (const from of [0, 1, 3, 5, 6, 17]) {
			for (const length of LENGTHS) {
				const bytes = whole.subarray(from, from + length);
				for (const pair of views(bytes, bytes))
					for (const late of [false, true])
						t.true(["tls", "more", "no"].includes(ask(pair, late)), `${ask(pair, late)}: ${shown(pair)}`);
			}
		}
	}
	const application = Buffer.concat([record(23, 40), record(23, 900), record(23, 17)]);
	for (const pair of views(application, application)) t.is(ask(pair, true), "tls");
});

function seeded(seed: number): (length: number) => Uint8Array {
	let state = seed;
	return (length) =>
		Uint8Array.from({ length }, () => {
			state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
			return state >>> 24;
		});
}
