import test from "ava";
import { byteByByte, whole } from "../http1/play.js";
import { ask, bulk, command, talk, tell } from "./talk.js";

const SECRET = "s3cr3t-0123456789";

const cases: readonly (readonly [name: string, steps: Parameters<typeof talk>[0], kept: unknown])[] = [
	["AUTH", [ask("AUTH", SECRET), tell("+OK\r\n")], ["AUTH"]],
	["AUTH with a user", [ask("AUTH", "joe", SECRET), tell("+OK\r\n")], ["AUTH", "joe"]],
	["auth inline", [[0, `auth joe ${SECRET}\r\n`], tell("+OK\r\n")], ["auth", "joe"]],
	[
		"HELLO",
		[ask("HELLO", "3", "AUTH", "joe", SECRET, "SETNAME", "me"), tell("%1\r\n+server\r\n+redis\r\n")],
		["HELLO", "3", "AUTH", "joe", "SETNAME", "me"],
	],
	[
		"CONFIG SET",
		[ask("CONFIG", "SET", "maxmemory", "1", "requirepass", SECRET), tell("+OK\r\n")],
		["CONFIG", "SET", "maxmemory", "1", "requirepass"],
	],
	[
		"ACL SETUSER",
		[ask("ACL", "SETUSER", "joe", "on", `>${SECRET}`, "~*"), tell("+OK\r\n")],
		["ACL", "SETUSER", "joe", "on", "~*"],
	],
	[
		"MIGRATE",
		[ask("MIGRATE", "h", "1", "k", "0", "9", "AUTH2", "joe", SECRET, "KEYS", "a"), tell("+OK\r\n")],
		["MIGRATE", "h", "1", "k", "0", "9", "AUTH2", "joe", "KEYS", "a"],
	],
];

for (const [name, steps, kept] of cases)
	for (const cut of [whole, byteByByte])
		test(`${name}${cut === whole ? "" : ", byte by byte"}: the secret is nowhere, and its place is told`, (t) => {
			const h = talk(steps, cut);
			t.deepEqual(h.failures, []);
			const text = JSON.stringify(h.exchanges);
			t.false(text.includes(SECRET), text);
			const { body } = h.exchanges[0]!.request!;
			t.deepEqual(body.data, kept);
			t.is(body.gaps.length, 1);
			t.is(body.gaps[0]!.cause, "redacted");
		});

const HASH = `#${"5e884898da28047151d0e56f8dc62927".repeat(2)}`;
const replies: readonly (readonly [name: string, steps: Parameters<typeof talk>[0], kept: unknown])[] = [
	[
		"CONFIG GET",
		[ask("CONFIG", "GET", "*"), tell(`*4\r\n${bulk("port")}${bulk("1")}${bulk("requirepass")}${bulk(SECRET)}`)],
		["port", "1", "requirepass"],
	],
	["ACL GENPASS", [ask("ACL", "GENPASS"), tell(bulk(SECRET))], ""],
	[
		"ACL GETUSER",
		[
			ask("ACL", "GETUSER", "joe"),
			tell(`*4\r\n${bulk("flags")}*1\r\n${bulk("on")}${bulk("passwords")}*1\r\n${bulk(SECRET)}`),
		],
		["flags", ["on"], "passwords"],
	],
	["ACL LIST", [ask("ACL", "LIST"), tell(`*1\r\n${bulk(`user joe on ${HASH} ${SECRET}`)}`)], []],
	[
		"CONFIG GET in a transaction",
		[
			[0, command("MULTI") + command("CONFIG", "GET", "requirepass") + command("EXEC")],
			tell(`+OK\r\n+QUEUED\r\n*1\r\n*2\r\n${bulk("requirepass")}${bulk(SECRET)}`),
		],
		[],
	],
];

for (const [name, steps, kept] of replies)
	for (const cut of [whole, byteByByte])
		test(`the reply of ${name}${cut === whole ? "" : ", byte by byte"}: no secret`, (t) => {
			const h = talk(steps, cut);
			const text = JSON.stringify(h.exchanges);
			t.false(text.includes(SECRET), text);
			t.false(text.includes(HASH), text);
			t.deepEqual(h.exchanges.at(-1)!.response!.body.data, kept);
		});
