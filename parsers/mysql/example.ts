import type { ParserPlugin } from "../../core/index.js";

/** A packet as latin-1 text. */
function packet(sequence: number, payload: string): string {
	const { length } = payload;
	return String.fromCharCode(length & 0xff, (length >> 8) & 0xff, length >> 16, sequence) + payload;
}

const CAPABILITIES = "\x85\xa2\x8b\x01";
const greeting = packet(
	0,
	`\x0a8.0.36\0\x01\0\0\0saltsalt\0\x85\xa2\xff\x02\0\x8b\x01\x15${"\0".repeat(10)}moresaltsalt\0mysql_native_password\0`,
);
const login = packet(
	1,
	`${CAPABILITIES}\0\0\0\x01\xff${"\0".repeat(23)}app\0\x14${"x".repeat(20)}mysql_native_password\0`,
);
const ok = (sequence: number): string => packet(sequence, "\0\0\0\x02\0\0\0");
const column = (name: string, type: string): string =>
	`\x03def\x04shop\x06orders\x06orders${String.fromCharCode(name.length)}${name}${String.fromCharCode(name.length)}${name}\x0c\xff\0\x0b\0\0\0${type}\0\0\0\0\0`;
const rows =
	packet(1, "\x02") +
	packet(2, column("id", "\x03")) +
	packet(3, column("state", "\xfd")) +
	packet(4, "\x017\x04paid") +
	packet(5, "\x018\x04open") +
	packet(6, "\xfe\0\0\x02\0\0\0");
const query = packet(0, "\x03SELECT id, state FROM orders WHERE customer = 7");
const update = packet(0, "\x03UPDATE orders SET state = 'paid' WHERE id = 8");

/** What most connections say most of the time. */
export const example: NonNullable<ParserPlugin["example"]> = [
	{ from: "server", text: greeting },
	{ from: "client", text: login },
	{ from: "server", text: ok(2) },
	{ from: "client", text: query },
	{ from: "server", text: rows },
	{ from: "client", text: query },
	{ from: "server", text: rows.slice(0, 100) },
	{ from: "server", text: rows.slice(100) },
	{ from: "client", text: update },
	{ from: "server", text: ok(1) },
];
