/** What the test kit and the fuzzing try the parser with. */
import { COPY } from "./copy.js";
import { LOGIN, type Step } from "./play.js";
import * as wire from "./wire.js";

const conversation = (name: string, steps: readonly Step[]) => ({
	name,
	serverPort: 5432,
	steps: steps.map(([dir, ...messages]) => ({
		from: dir === 0 ? ("client" as const) : ("server" as const),
		bytes: Buffer.concat(messages),
	})),
});

const ask = (sql: string): Buffer =>
	Buffer.concat([wire.parse(sql), wire.bindWith({}), wire.describe("P"), wire.execute()]);

export const conversations = [
	conversation("simple queries", [
		[0, wire.SSL_REQUEST],
		[1, Buffer.from("N")],
		[0, wire.STARTUP],
		[1, wire.message("R", wire.int32(5), Buffer.from("salt"))],
		[0, wire.message("p", "md5 of a secret")],
		[1, wire.AUTHENTICATED, wire.status("TimeZone", "UTC"), wire.message("K", wire.int32(77), Buffer.from("key!"))],
		[1, wire.READY],
		[0, wire.query("SELECT id, name FROM t")],
		[1, wire.columns("id:23", "name"), wire.row("1", "ä"), wire.row("2", null), wire.done("SELECT 2"), wire.READY],
		[0, wire.query("select 1; update t set id = 3")],
		[1, wire.columns("a"), wire.row("1"), wire.done("SELECT 1"), wire.done("UPDATE 2"), wire.READY],
		[0, wire.query("selec")],
		[1, wire.notice("careful"), wire.error("42601"), wire.READY],
		[0, wire.query("")],
		[1, wire.EMPTY, wire.READY],
		[0, wire.message("X")],
	]),
	conversation("prepared", [
		...LOGIN,
		[0, wire.parseNamed("s1", "select $1, $2::text", 23), wire.describe("S", "s1"), wire.SYNC],
		[1, wire.PARSED, wire.parameterTypes(23, 25), wire.columns("n:23", "s:25"), wire.READY],
		[
			0,
			wire.bindWith({ statement: "s1", formats: [1, 0], values: [wire.int32(-7), null], results: [1], portal: "p" }),
			wire.execute("p", 1),
			wire.SYNC,
		],
		[1, wire.BOUND, wire.row(wire.int32(5), "five"), wire.SUSPENDED, wire.READY],
		[0, wire.execute("p", 9), wire.SYNC],
		[1, wire.row(wire.int32(6), "six"), wire.done("SELECT 1"), wire.READY],
		[0, wire.message("C", Buffer.from("S"), "s1"), wire.SYNC],
		[1, wire.CLOSED, wire.READY],
	]),
	conversation("a pipeline", [
		...LOGIN,
		[0, ask("select 1"), ask("delete from a"), ask("update b set x = 1"), wire.SYNC, ask("select 4"), wire.SYNC],
		[1, wire.PARSED, wire.BOUND, wire.columns("x:23"), wire.row("1"), wire.row("2"), wire.done("SELECT 2")],
		[1, wire.PARSED, wire.error("23503", "still referenced"), wire.READY],
		[0, wire.query("insert into t values (1)")],
		[1, wire.PARSED, wire.BOUND, wire.columns("x:23"), wire.row("4"), wire.done("SELECT 1"), wire.READY],
		[1, wire.notification("news", "hi"), wire.done("INSERT 0 1"), wire.READY],
		[0, wire.parse("select 5"), wire.FLUSH],
		[1, wire.PARSED],
		[0, wire.bindWith({}), wire.execute(), wire.SYNC],
		[1, wire.BOUND, wire.row("5"), wire.done("SELECT 1"), wire.READY],
	]),
	conversation("COPY", [...LOGIN, ...COPY]),
	conversation("a refusal", [
		[0, wire.STARTUP],
		[1, wire.ASK_PASSWORD],
		[0, wire.message("p", "hunter2")],
		[1, wire.error("28P01", "password authentication failed")],
	]),
	conversation("cancel", [
		[0, Buffer.concat([wire.int32(16), wire.int32(80877102), wire.int32(77), Buffer.from("key!")])],
	]),
];
