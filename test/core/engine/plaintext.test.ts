import test from "ava";
import tls from "../../../parsers/tls/index.js";
import { samples } from "../../parsers/tls/samples.js";
import { Harness } from "./harness.js";
import { lineParser } from "./line-parser.js";

const encrypted = Buffer.from([23, 3, 3, 0, 20, ...new Array<number>(20).fill(9)]);
const { client: ask, server: answer } = samples[0]!;

/** A connection with its hellos, and what lies above it. */
function joined(more: object = {}, options: object = {}): Harness {
	const h = new Harness(options, [tls, lineParser]).open(1);
	h.bytes(0, 0, Buffer.concat([ask, encrypted])).bytes(1, 0, Buffer.concat([answer, encrypted]));
	return h.open(2, "server", { layer: "plaintext", lower: 1, library: "openssl", ...more });
}

test("an exchange above TLS has what the hellos below show", (t) => {
	const h = joined().bytes(0, 0, "one\n", 2).bytes(1, 0, "=one 0\n", 2).close([4, 7], "fin", 2);
	h.close([ask.length + encrypted.length, answer.length + encrypted.length]).pass(200_000);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines, ["one→one ok"]);
	const { connection, idScope } = h.exchanges[0]!;
	t.is(idScope, "network");
	t.deepEqual(connection.tls, {
		library: "openssl",
		version: "1.3",
		cipher: "TLS_AES_128_GCM_SHA256",
		serverName: "db.example.test",
		alpn: null,
	});
});

test("where each connection is to have a record, both have one", (t) => {
	const h = joined({}, { connectionRecords: true })
		.bytes(0, 0, "one\n", 2)
		.bytes(1, 0, "=one 0\n", 2)
		.close([4, 7], "fin", 2);
	h.close([ask.length + encrypted.length, answer.length + encrypted.length]).pass(200_000);
	const records = h.exchanges.filter(({ kind }) => kind === "connection");
	t.deepEqual(records.map(({ protocol }) => protocol).sort(), ["line", "tls"]);
	t.is(new Set(records.map(({ id }) => id)).size, 2);
});

test("nothing came of what lies above: the connection below keeps its record", (t) => {
	const h = joined().close([0, 0], "fin", 2);
	h.close([ask.length + encrypted.length, answer.length + encrypted.length]).pass(200_000);
	t.deepEqual(
		h.exchanges.map(({ kind, protocol }) => `${kind} ${protocol}`),
		["connection tls"],
	);
});

test("both ends above TLS are one connection; those that joined late are not", (t) => {
	for (const fromStart of [true, false]) {
		const h = joined({ fromStart, bases: fromStart ? [1000, 2000] : null });
		h.open(3, "client", {
			layer: "plaintext",
			lower: 1,
			library: "openssl",
			fromStart,
			bases: fromStart ? [1000, 2000] : null,
		});
		for (const conn of [2, 3]) h.bytes(0, 0, "one\n", conn);
		for (const conn of [2, 3]) h.bytes(1, 0, "=one 0\n", conn);
		for (const conn of [2, 3]) h.close([4, 7], "fin", conn);
		h.pass(200_000);
		t.is(h.exchanges.length, fromStart ? 1 : 2);
		t.is(h.exchanges[0]!.observedBy.length, fromStart ? 2 : 1);
	}
});
