import test from "ava";
import mysql from "../../../parsers/mysql/index.js";
import * as wire from "./wire.js";

const hint = { transport: "tcp", serverPort: 9, alpn: null, late: false } as const;
const NOTHING = new Uint8Array(0);
const ask = (client: Uint8Array, server: Uint8Array, late = false): string =>
	mysql.detect(client, server, { ...hint, late });

test("a greeting, from its first bytes on", (t) => {
	const greeting = wire.greeting();
	for (const length of [1, 4, 5, 8]) t.is(ask(NOTHING, greeting.subarray(0, length)), "more", `${length}`);
	t.is(ask(NOTHING, greeting.subarray(0, 64)), "yes");
	t.is(ask(NOTHING, greeting), "yes");
	t.is(ask(wire.login(), greeting), "yes");
	t.is(ask(Buffer.from("GET / HTTP/1.1\r\n"), greeting), "no");
});

test("a login without its greeting, as it is seen above TLS", (t) => {
	t.is(ask(wire.login({ sequence: 2 }), NOTHING), "yes");
	for (const length of [1, 4, 16]) t.is(ask(wire.login({ sequence: 2 }).subarray(0, length), NOTHING), "more");
});

test("commands are recognised only where the beginning was missed", (t) => {
	const query = wire.query("select 1");
	t.is(ask(query, NOTHING), "no");
	t.is(ask(query, NOTHING, true), "yes");
	t.is(ask(wire.packet(0, 3, "no sql at all"), NOTHING, true), "no");
	t.is(ask(wire.packet(0, 0x17, wire.u32(4), 0, wire.u32(1)), NOTHING, true), "yes");
});

const OTHERS: readonly (readonly [string, string])[] = [
	["http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
	["http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
	["postgresql", "\0\0\0\x08\x04\xd2\x16\x2f"],
	["redis", "*1\r\n$4\r\nPING\r\n"],
	["tls", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"],
	["ssh", "SSH-2.0-OpenSSH_9.2\r\n"],
	["smtp", "220 mail.example.test ESMTP\r\n"],
	["amqp", "AMQP\0\0\x09\x01"],
	["mongodb", "\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0"],
	["kafka", "\0\0\0\x23\0\x12\0\x04\0\0\0\x01\0\x07consumer"],
];
for (const [name, text] of OTHERS)
	test(`${name} is never taken for it`, (t) => {
		for (const length of [1, 4, 16, 64]) {
			const bytes = Buffer.from(text.slice(0, length), "latin1");
			for (const late of [false, true]) {
				t.not(ask(bytes, NOTHING, late), "yes");
				t.not(ask(NOTHING, bytes, late), "yes");
			}
		}
	});

test("random bytes are never taken for it", (t) => {
	let state = 12345;
	const next = (): number => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state >>> 24;
	};
	for (let i = 0; i < 20_000; i++) {
		const bytes = Uint8Array.from({ length: 64 }, next);
		for (const late of [false, true]) {
			t.false(ask(bytes, NOTHING, late) === "yes");
			t.false(ask(NOTHING, bytes, late) === "yes");
		}
	}
});
