/** PostgreSQL with node-postgres, psql and a replica, captured live by eBPF: what each client did and was answered, and nothing else. */
import { createWriteStream } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import anyTest, { type TestFn } from "ava";
import pg from "pg";
import copyStreams from "pg-copy-streams";
import type { Exchange } from "../../core/index.js";
import { captured } from "./support/captured.js";
import { type Cluster, missingPostgresql, startPostgresql } from "./support/postgresql.js";
import { pause, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missingPostgresql();
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED PostgreSQL clients, live: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** Values as the server wrote them. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

async function connect(scope: Scope, { port }: Cluster, more: object = {}): Promise<pg.Client> {
	const access = { host: "127.0.0.1", port, user: "postgres", database: "postgres", types: AS_TEXT };
	const client = new pg.Client({ ...access, ...more });
	// the server may end it before the test does
	client.on("error", () => {});
	await client.connect();
	scope.defer(() => client.end().catch(() => {}));
	return client;
}

interface Said {
	readonly text: string;
	readonly parameters: readonly unknown[];
	/** A command and the number of its rows, or an SQLSTATE. */
	readonly result: string;
	readonly rows: readonly unknown[];
}

interface Done {
	readonly text: string;
	readonly values?: readonly (string | number | null)[];
	readonly name?: string;
	readonly rows?: number;
}

/** What the client asked, and what it was told. */
async function say(client: pg.Client, said: Said[], query: Done): Promise<void> {
	const { text, values = [] } = query;
	const parameters = values.map((value) => (value === null ? null : String(value)));
	try {
		const { command, rowCount, rows } = await client.query({ ...query, values: [...values] });
		said.push({ text, parameters, result: `${command} ${rowCount ?? ""}`.trim(), rows });
	} catch (error) {
		const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
		said.push({ text, parameters, result: code, rows: [] });
	}
}

/** The same, as polytap tells it. */
function sayOf({ request, response, summary, outcome }: Exchange): Said {
	const attributes = request?.attributes ?? {};
	const tag = /^(\D+?)(?: 0)?(?: (\d+))?$/.exec(summary.result);
	const code = response?.attributes["db.response.status_code"];
	const parameters = request?.body.encoding === "json" ? (request.body.data as unknown[]) : [];
	const rows = response?.body.encoding === "json" ? (response.body.data as unknown[]) : [];
	return {
		text: String(attributes["db.query.text"]),
		parameters: parameters.map((value) => (value === null ? null : textOf(value))),
		result: outcome === "error" ? String(code) : `${tag?.[1]} ${tag?.[2] ?? ""}`.trim(),
		rows: outcome === "error" ? [] : rows.map(rowOf),
	};
}

function rowOf(row: unknown): Record<string, unknown> {
	const values = Object.entries(row as Record<string, unknown>);
	return Object.fromEntries(values.map(([name, value]) => [name, value === null ? null : textOf(value)]));
}

/** As the server writes it. */
function textOf(value: unknown): string {
	if (typeof value === "boolean") return value ? "t" : "f";
	if (Array.isArray(value)) return `{${value.map((item) => (item === null ? "NULL" : textOf(item))).join(",")}}`;
	return String(value);
}

const kindOf = ({ request }: Exchange): unknown => request?.attributes["postgresql.request"];
const executions = (all: readonly Exchange[]): Exchange[] =>
	all.filter((x) => x.kind === "exchange" && (kindOf(x) === "query" || kindOf(x) === "execute"));

const VALUES = `select g as i, g * 1000000000000 as big, g::numeric / 7 as n, g::float8 / 3 as d, g % 2 = 0 as even,
	'ä' || g as t, nullif(g, 3) as maybe, array[g, null, g + 1] as list, timestamp '2026-01-02 03:04:05.678' + g * interval '1 hour' as at,
	('{"g": ' || g || '}')::jsonb as j, decode('00ff', 'hex') as raw, '12:30:00'::time as hour, date '2026-02-28' as day,
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as id, '10.0.0.0/8'::cidr as net`;

live("node-postgres: statements, parameters, rows, tags and SQLSTATEs are what the client had, one for one", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const said: Said[] = [];
		const { exchanges } = await captured(scope, cluster.port, async () => {
			const client = await connect(scope, cluster);
			await say(client, said, { text: "create table people (id int primary key, name text, score numeric(10, 2))" });
			for (let i = 0; i < 50; i++)
				await say(client, said, {
					text: "insert into people values ($1, $2, $3)",
					values: [i, i % 7 === 0 ? null : `nämé ${i}`, `${i}.50`],
				});
			for (let i = 0; i < 50; i++)
				await say(client, said, { name: "one", text: "select * from people where id = $1", values: [i] });
			await say(client, said, { text: "select * from people order by id" });
			await say(client, said, { text: `${VALUES} from generate_series(1, 20) g` });
			await say(client, said, { text: "select * from nowhere" });
			await say(client, said, { text: "insert into people values (1, 'again', 0)" });
			await say(client, said, { text: "select 1 / $1::int as x", values: [0] });
			await say(client, said, { text: "update people set score = score + 1 where id < $1", values: [10] });
			await say(client, said, { text: "delete from people where id >= $1 returning id", values: [45] });
			await say(client, said, { text: "begin" });
			await say(client, said, { text: "select 1 / 0" });
			await say(client, said, { text: "select 'in a failed transaction'" });
			await say(client, said, { text: "rollback" });
			await say(client, said, { text: "declare c cursor with hold for select id from people order by id" });
			await say(client, said, { text: "fetch 3 from c" });
			await say(client, said, { text: "close c" });
			await client.end();
		});
		const found = executions(exchanges);
		t.is(found.length, said.length);
		for (const [i, each] of said.entries()) {
			const mine = sayOf(found[i]!);
			t.is(mine.text, each.text);
			t.deepEqual(mine.parameters, each.parameters, each.text);
			t.deepEqual(
				mine.rows,
				each.rows.map((row) => ({ ...(row as object) })),
				each.text,
			);
			// node-postgres keeps the first word of a tag alone
			t.is(mine.result.replace(/^CREATE TABLE$/, "CREATE").replace(/^(CLOSE|DECLARE) CURSOR$/, "$1"), each.result);
		}
		t.true(found.every(({ flags }) => flags.length === 0));
		t.true(found.every(({ request }) => request?.body.completeness === "complete"));
		t.log(`${said.length} statements, 0 missing`);
	}),
);

live("values are the same in binary and in text; portals are read in portions", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const text = `${VALUES} from generate_series(1, $1::int) g`;
		const { exchanges } = await captured(scope, cluster.port, async () => {
			const client = await connect(scope, cluster);
			await client.query("set timezone to 'UTC'");
			const isBinary = { binary: true };
			await client.query({ text, values: [9] });
			await client.query({ text, values: [9], ...isBinary });
			const portions = { text, values: [9], rows: 4 };
			await client.query(portions);
			await client.end();
		});
		const [, inText, inBinary, ...portions] = executions(exchanges);
		t.is((inText!.response!.body.data as unknown[]).length, 9);
		t.deepEqual(inBinary!.response!.body.data, inText!.response!.body.data);
		t.deepEqual(
			portions.map(({ summary, response }) => [summary.result, response?.attributes["db.response.returned_rows"]]),
			[
				["PORTAL SUSPENDED", 4],
				["PORTAL SUSPENDED", 4],
				["SELECT 1", 1],
			],
		);
		t.deepEqual(
			portions.flatMap(({ response }) => response!.body.data),
			inText!.response!.body.data,
		);
	}),
);

live("COPY both ways, notices, notifications, a cancelled query", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\trow ${i}\n`);
		const notified: string[] = [];
		let got = "";
		let key = "";
		let pid = 0;
		const { exchanges, text } = await captured(scope, cluster.port, async () => {
			const client = await connect(scope, cluster);
			await client.query("create table t (a int, b text)");
			await pipeline(
				Readable.from(lines.map((line) => Buffer.from(line))),
				client.query(copyStreams.from("copy t from stdin")),
			);
			for await (const chunk of client.query(copyStreams.to("copy t to stdout"))) got += String(chunk);
			await t.throwsAsync(
				pipeline(Readable.from([Buffer.from("no number\tx\n")]), client.query(copyStreams.from("copy t from stdin"))),
			);
			client.on("notification", ({ channel, payload }) => notified.push(`${channel} ${payload}`));
			await client.query("listen news");
			const other = await connect(scope, cluster);
			await other.query("select pg_notify('news', 'first')");
			await other.query("notify news, 'second'");
			await client.query("do $$ begin raise warning 'careful' using hint = 'more'; end $$");
			const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
			pid = processID;
			key = String(secretKey);
			const sleeping = client.query("select pg_sleep(120)").catch((error: { code?: string }) => error.code);
			const sleepers = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
			await until(async () => (await cluster.ask(sleepers)) === "1", "it sleeps");
			// the request is a connection of its own
			const request = Buffer.alloc(16);
			for (const [i, number] of [16, 80_877_102, processID, secretKey].entries()) request.writeInt32BE(number, 4 * i);
			await new Promise((resolve) => createConnection(cluster.port, "127.0.0.1").on("close", resolve).end(request));
			t.is(await sleeping, "57014");
			await client.end();
			await other.end();
		});
		t.is(got, lines.join(""));
		const done = executions(exchanges);
		const copies = done.filter(({ request }) => request?.attributes["db.operation.name"] === "COPY");
		t.deepEqual(
			copies.map(({ summary }) => summary.result),
			["COPY 20000", "COPY 20000", "ERROR 22P02"],
		);
		t.true(copies[0]!.request!.body.data === lines.join(""));
		t.true(copies[1]!.response!.body.data === lines.join(""));
		t.is(copies[2]!.request!.body.data, "no number\tx\n");
		const messages = exchanges.filter(({ kind }) => kind === "message");
		t.deepEqual(
			messages
				.filter(({ response }) => response?.attributes["postgresql.request"] === "notification")
				.map(({ response }) => `${response!.attributes["messaging.destination.name"]} ${response!.body.data}`),
			notified,
		);
		t.deepEqual(notified, ["news first", "news second"]);
		const [notice] = done.find(({ summary }) => summary.operation === "DO")!.response!.interim;
		t.is(notice!.attributes["postgresql.message"], "careful");
		t.is(notice!.attributes["postgresql.hint"], "more");
		const slept = done.find(({ request }) => request?.attributes["db.query.text"] === "select pg_sleep(120)")!;
		t.is(slept.response!.attributes["db.response.status_code"], "57014");
		const cancel = messages.find(({ request }) => request?.attributes["postgresql.request"] === "cancel")!;
		t.is(cancel.request!.attributes["postgresql.backend_pid"], pid);
		t.false(text.includes(key));
	}),
);

live(
	"a pipeline with a Sync for each query: every answer belongs to its question, also where it was joined late",
	(t) =>
		withScope(async (scope) => {
			const cluster = await startPostgresql(scope);
			const isPipeline = { pipeline: true };
			const ask = (client: pg.Client, i: number): Promise<unknown> =>
				i % 5 === 4
					? client.query("select 1 / $1::int as n", [0]).catch(() => {})
					: client.query(`select ${i} as n, $1::int as m`, [i]);
			const judge = (all: readonly Exchange[]): number[] =>
				executions(all).flatMap(({ request, response, outcome, flags }) => {
					const own = Number(/^select (\d+) as n/.exec(String(request?.attributes["db.query.text"]))?.[1]);
					if (outcome === "error") t.is(response?.attributes["db.response.status_code"], "22012");
					if (outcome !== "ok" || request === null) {
						t.true(outcome === "error" || flags.length > 0);
						return [];
					}
					t.deepEqual(response?.body.data, [{ n: own, m: own }]);
					t.deepEqual(request.body.data, [String(own)]);
					return [own];
				});
			const first = await captured(scope, cluster.port, async () => {
				const client = await connect(scope, cluster, isPipeline);
				await Promise.all(Array.from({ length: 500 }, (_, i) => ask(client, i)));
				await client.end();
			});
			t.is(executions(first.exchanges).length, 500);
			t.is(judge(first.exchanges).length, 400);
			t.is(executions(first.exchanges).filter(({ outcome }) => outcome === "error").length, 100);

			const client = await connect(scope, cluster, isPipeline);
			let isOver = false;
			let count = 0;
			/** Each asks again as soon as it was answered. */
			const load = Promise.all(
				Array.from({ length: 4 }, async () => {
					while (!isOver) {
						await ask(client, count++);
						if (count % 97 === 0) await pause(2);
					}
				}),
			);
			await until(() => count > 200, "the load goes");
			const late = await captured(scope, cluster.port, async () => {
				const enough = count + 2_000;
				await until(() => count > enough, "more of the load");
				isOver = true;
				await load;
			});
			const found = judge(late.exchanges);
			t.deepEqual(
				[...found].sort((a, b) => a - b),
				found,
			);
			const expected = Array.from({ length: count - found[0]! }, (_, i) => found[0]! + i).filter((i) => i % 5 !== 4);
			t.deepEqual(found, expected);
			const lost = executions(late.exchanges).filter(({ outcome }) => outcome === "partial").length;
			t.true(lost < found.length / 10, `${lost} lost, ${found.length} understood`);
			t.log(`joined late: ${lost} lost, then ${found.length} answered, 0 missing`);
		}),
);

live("TLS that is refused, and TLS that is taken, with probes and without; replication: opaque by name", (t) =>
	withScope(async (scope) => {
		const reasonOf = ({ annotations }: Exchange): unknown => annotations["polytap.opaque.reason"];
		const plain = await startPostgresql(scope);
		const refused = await captured(scope, plain.port, async () => {
			await t.throwsAsync(connect(scope, plain, { ssl: { rejectUnauthorized: false } }));
			// psql asks for TLS, and goes on without
			await plain.run("psql", ["-X", "-c", "select 'in plain'"]);
			const replica = plain.start("pg_receivewal", ["-D", await scope.folder(), "--no-loop", "--no-sync"]);
			const replicas = "select count(*) from pg_stat_replication";
			await replica.until(async () => (await plain.ask(replicas)) === "1", 60_000);
			await replica.stop("SIGINT");
		});
		const records = refused.exchanges.filter(({ kind }) => kind === "connection");
		t.is(records.filter(({ annotations }) => annotations["postgresql.encryption"] === "tls refused").length, 3);
		t.is(
			executions(refused.exchanges).filter(({ request }) =>
				String(request?.attributes["db.query.text"]).includes("in plain"),
			).length,
			1,
		);
		t.is(records.filter((record) => reasonOf(record) === "replication").length, 1);

		const secure = await startPostgresql(scope, { hasTls: true });
		const ask = async () => {
			const client = await connect(scope, secure, { ssl: { rejectUnauthorized: false } });
			await client.query("select 'inside TLS'");
			await client.end();
		};
		const probed = await captured(scope, secure.port, ask);
		const [inside, more] = executions(probed.exchanges);
		t.is(more, undefined);
		t.is(inside?.request?.attributes["db.query.text"], "select 'inside TLS'");
		t.is(inside?.connection.tls?.library, "openssl");
		const taken = await captured(scope, secure.port, ask, { source: { tls: "off" } });
		t.false(taken.text.includes("inside TLS"));
		t.deepEqual(
			taken.exchanges.map(({ kind }) => kind),
			["connection"],
		);
	}),
);

live("secrets: no password, proof or key in any byte of the output", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const password = "Planted-Pässword-4711";
		await cluster.ask(
			`create role by_password login password '${password}'; create role by_scram login password '${password}'; ` +
				`set password_encryption = 'md5'; create role by_md5 login password '${password}'`,
		);
		const secrets = [password, Buffer.from(password).toString("base64").slice(0, 24)];
		const { exchanges, text, stderr } = await captured(
			scope,
			cluster.port,
			async () => {
				for (const user of ["by_password", "by_md5", "by_scram"]) {
					const client = await connect(scope, cluster, { user, password }).catch((error: unknown) => {
						throw new Error(`${user}: ${String(error)}`);
					});
					const { connection, secretKey } = client as unknown as {
						connection: { stream: unknown };
						secretKey: number;
					};
					t.truthy(connection);
					secrets.push(String(secretKey));
					await client.query("select 'visible'");
					await client.end();
					await t.throwsAsync(connect(scope, cluster, { user, password: `${password}-wrong` }));
				}
			},
			{ capture: { connection_records: true } },
		);
		const raw = text + stderr;
		for (const secret of secrets) t.false(raw.includes(secret), secret);
		t.false(/md5[0-9a-f]{32}/.test(raw));
		t.false(/SCRAM-SHA-256|,r=|p=[A-Za-z0-9+/]{20}/.test(raw.replaceAll("scram-sha-256", "")), "SCRAM");
		const logins = exchanges.filter((x) => kindOf(x) === "startup");
		t.deepEqual(
			logins.map(({ outcome, response, request }) => [
				request?.attributes["postgresql.user"],
				outcome,
				response?.attributes["postgresql.authentication"] ?? response?.attributes["db.response.status_code"],
			]),
			[
				["by_password", "ok", "password"],
				["by_password", "error", "28P01"],
				["by_md5", "ok", "md5"],
				["by_md5", "error", "28P01"],
				["by_scram", "ok", "scram-sha-256"],
				["by_scram", "error", "28P01"],
			],
		);
		for (const { request } of logins) {
			t.is(request!.body.captured, 0);
			t.true(request!.body.bytes > 0 && request!.body.gaps.every(({ cause }) => cause === "redacted"));
		}
	}),
);

live("psql: what it prints is what was recorded", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const sql = "select g, 'row ' || g as name from generate_series(1, 300) g";
		let printed = "";
		const file = join(await scope.folder(), "copy.txt");
		const { exchanges } = await captured(scope, cluster.port, async () => {
			({ stdout: printed } = await cluster.run("psql", ["-XAtc", sql]));
			await cluster.run("psql", ["-X", "-v", "FETCH_COUNT=100", "-c", sql]);
			await cluster.run("psql", ["-X", "-c", "create table t (a int)", "-c", `\\copy (select 1) to '${file}'`]);
			await cluster.run("psql", ["-X", "-c", "\\d t"]);
		});
		const [found] = executions(exchanges).filter(({ request }) => request?.attributes["db.query.text"] === sql);
		const rows = found!.response!.body.data as { g: number; name: string }[];
		t.is(rows.map(({ g, name }) => `${g}|${name}\n`).join(""), printed);
		t.true(executions(exchanges).every(({ outcome, flags }) => outcome === "ok" && flags.length === 0));
	}),
);
