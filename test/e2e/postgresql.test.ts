/** PostgreSQL with its own clients, captured live by eBPF: everything that the client did, once, and right. */
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange, ExchangeMessage } from "../../core/index.js";
import { captured } from "./support/captured.js";
import { type Cluster, missingPostgresql, startPostgresql } from "./support/postgresql.js";
import { until } from "./support/program.js";
import { withScope } from "./support/scope.js";

const why = missingPostgresql();
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED PostgreSQL, live: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const MODES = ["simple", "extended", "prepared"] as const;

/** What one transaction of pgbench consists of, with the tag that the server answers. */
const TRANSACTION = [
	["BEGIN", "BEGIN"],
	["UPDATE pgbench_accounts", "UPDATE 1"],
	["SELECT pgbench_accounts", "SELECT 1"],
	["UPDATE pgbench_tellers", "UPDATE 1"],
	["UPDATE pgbench_branches", "UPDATE 1"],
	["INSERT pgbench_history", "INSERT 0 1"],
	["END", "COMMIT"],
] as const;

const rowsOf = (message: ExchangeMessage | null): readonly Record<string, unknown>[] =>
	(message?.body.data ?? []) as readonly Record<string, unknown>[];
const valuesOf = (message: ExchangeMessage | null): readonly unknown[] =>
	(message?.body.data ?? []) as readonly unknown[];
const kindOf = (x: Exchange): unknown => x.request?.attributes["postgresql.request"];
const executions = (all: readonly Exchange[]): Exchange[] =>
	all.filter((x) => x.kind === "exchange" && (kindOf(x) === "query" || kindOf(x) === "execute"));

function counts(names: readonly string[]): Record<string, number> {
	const counted: Record<string, number> = {};
	for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
	return counted;
}

/** Its server process reads the client's farewell when it has its turn: who watches then has seen a connection of five bytes. */
async function initialize(cluster: Cluster): Promise<void> {
	await cluster.run("pgbench", ["-i", "-q", "-s", "1"]);
	const clients = "select count(*) from pg_stat_activity where backend_type = 'client backend'";
	await until(async () => (await cluster.ask(clients)) === "1", "nobody is connected but who asks");
}

for (const mode of MODES)
	live(`pgbench -M ${mode}: every statement of every transaction, and the login of every client`, (t) =>
		withScope(async (scope) => {
			const cluster = await startPostgresql(scope);
			await initialize(cluster);
			await cluster.ask("select pg_stat_statements_reset()");
			let stdout = "";
			const { exchanges: all } = await captured(scope, cluster.port, async () => {
				({ stdout } = await cluster.run("pgbench", ["-n", "-M", mode, "-c", "4", "-t", "150"]));
			});
			const transactions = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
			t.is(transactions, 600);
			const done = executions(all);
			const steps = done.filter(({ summary }) => TRANSACTION.some(([operation]) => operation === summary.operation));
			for (const [operation, tag] of TRANSACTION) {
				const these = steps.filter(({ summary }) => summary.operation === operation);
				t.is(these.length, transactions, operation);
				t.true(
					these.every(
						({ summary, outcome, flags }) => summary.result === tag && outcome === "ok" && flags.length === 0,
					),
					operation,
				);
			}
			const calls = await cluster.ask(
				"select sum(calls) from pg_stat_statements where query ~ '^(UPDATE pgbench|SELECT abalance|INSERT INTO pgbench)'",
			);
			// the server itself loses count of BEGIN and END where they are prepared
			t.is(Number(calls), steps.filter(({ summary }) => summary.operation.includes("pgbench")).length);
			const balances = steps.filter(({ summary }) => summary.operation.startsWith("SELECT"));
			t.true(balances.every(({ response }) => response?.attributes["db.response.returned_rows"] === 1));
			t.true(balances.every(({ response }) => Number.isInteger(rowsOf(response)[0]?.abalance)));
			const history = (await cluster.ask("select tid, bid, aid, delta from pgbench_history")).split("\n").sort();
			const inserts = steps.filter(({ summary }) => summary.operation.startsWith("INSERT"));
			const recorded = inserts.map(({ request }) =>
				mode === "simple"
					? String(request?.attributes["db.query.text"])
							.replace(/^.*VALUES \(((?:-?\d+, ){3}-?\d+).*$/, "$1")
							.replaceAll(", ", "|")
					: valuesOf(request).slice(0, 4).join("|"),
			);
			t.deepEqual(recorded.sort(), history);
			const logins = all.filter((x) => kindOf(x) === "startup");
			t.true(logins.length >= 4);
			t.true(
				logins.every(({ outcome, request }) => outcome === "ok" && request?.attributes["db.namespace"] === "postgres"),
			);
			t.deepEqual(
				all.filter(({ outcome }) => outcome !== "ok").map(({ summary }) => summary),
				[],
			);
		}),
	);

for (const mode of MODES)
	live(
		`joined in the middle of pgbench -M ${mode}: from the first whole exchange on nothing is missing or wrong`,
		(t) =>
			withScope(async (scope) => {
				const cluster = await startPostgresql(scope);
				await initialize(cluster);
				const clients = 3;
				const bench = cluster.start("pgbench", ["-n", "-M", mode, "-c", String(clients), "-t", "200", "-R", "600"]);
				scope.defer(() => bench.stop("SIGKILL"));
				const done = async () => Number(await cluster.ask("select count(*) from pgbench_history"));
				await bench.until(async () => (await done()) > 60, 60_000);
				// it stands still in the middle, however long it takes until it is watched
				bench.kill("SIGSTOP");
				const { exchanges: all } = await captured(scope, cluster.port, async () => {
					bench.kill("SIGCONT");
					await bench.exited;
				});
				const steps = new Map<string, string[]>();
				for (const x of executions(all)) {
					if (x.outcome === "partial" || x.request === null) continue;
					const { id } = x.connection;
					// a statement that was prepared before we came has its name alone: P_0 is the first of the script
					const name = String(x.request.attributes["postgresql.statement"] ?? "");
					const known = TRANSACTION.findIndex(([operation]) => operation === x.summary.operation);
					const step = known >= 0 ? known : Number(/^P_(\d+)$/.exec(name)?.[1]);
					t.is<string, string>(x.summary.result, TRANSACTION[step]?.[1] ?? "", `${x.summary.operation} ${name}`);
					t.is(x.outcome, "ok");
					if (mode === "prepared") {
						t.true(x.flags.includes("statement-unknown"));
						t.is(x.request.attributes["db.query.text"], undefined);
					}
					const before = steps.get(id) ?? [];
					steps.set(id, before);
					before.push(String(step));
				}
				t.is(steps.size, clients);
				for (const each of steps.values()) {
					t.true(each.length > 200, `${each.length}`);
					// one after the other, none left out, and the last one ends its transaction
					each.forEach((step, i) => {
						if (i > 0) t.is(Number(step), (Number(each[i - 1]) + 1) % TRANSACTION.length);
					});
					t.is(each.at(-1), "6");
				}
				const partial = executions(all).filter(({ outcome }) => outcome === "partial");
				for (const x of partial)
					t.log(
						JSON.stringify({
							s: x.summary,
							f: x.flags,
							r: x.request?.startedAt,
							a: x.response?.startedAt,
							c: x.connection.client.port,
							p: x.request?.attributes["postgresql.portal"],
							st: x.request?.attributes["postgresql.statement"],
							rb: x.response?.bytes,
						}),
					);
				t.true(partial.length <= clients, `${partial.length} partial`);
				t.deepEqual(counts(all.map(({ protocol }) => protocol)), { postgresql: all.length });
				t.log(`${mode}: ${executions(all).length} exchanges, ${partial.length} partial`);
			}),
	);

live("psql: several statements, notices, errors, COPY; pgbench: pipelines", (t) =>
	withScope(async (scope) => {
		const cluster = await startPostgresql(scope);
		const script = join(await scope.folder(), "pipeline.sql");
		await writeFile(script, `\\startpipeline\n${"select 1;\n".repeat(5)}\\endpipeline\n`);
		const { exchanges: all } = await captured(scope, cluster.port, async () => {
			await cluster.run("psql", [
				"-X",
				"-c",
				"create table if not exists pg_temp.none(); create table t(a int, b text); insert into t select i, 'row ' || i from generate_series(1, 5) i; select * from t",
				"-c",
				"drop table if exists nothing",
				"-c",
				"\\copy t from program 'printf \"6\\tsix\\n7\\tseven\\n\"'",
				"-c",
				"copy t to stdout",
				"-c",
				"do $$ begin raise notice 'hello'; end $$",
			]);
			await cluster.run("psql", ["-X", "-c", "select 1/0"]).catch(() => {});
			await cluster.run("pgbench", ["-n", "-M", "extended", "-c", "2", "-t", "20", "-f", script]);
		});
		const done = executions(all);
		const batch = done.find(({ summary }) => summary.operation === "BATCH")!;
		t.deepEqual(
			batch.response!.messages!.map(({ attributes }) => attributes["postgresql.command_tag"]),
			["CREATE TABLE", "CREATE TABLE", "INSERT 0 5", "SELECT 5"],
		);
		t.deepEqual((batch.response!.messages!.at(-1)!.data as unknown[])[4], { a: 5, b: "row 5" });
		const into = done.find(({ request }) => /^COPY +t FROM STDIN/i.test(String(request?.attributes["db.query.text"])))!;
		t.is(into.request!.body.data, "6\tsix\n7\tseven\n");
		t.is(into.summary.result, "COPY 2");
		const out = done.find(({ request }) => request?.attributes["db.query.text"] === "copy t to stdout")!;
		t.true(String(out.response!.body.data).endsWith("6\tsix\n7\tseven\n"));
		const noticed = done.find(({ summary }) => summary.operation === "DO")!;
		t.is(noticed.response!.interim[0]!.attributes["postgresql.message"], "hello");
		const failed = done.find(({ outcome }) => outcome === "error")!;
		t.is(failed.response!.attributes["db.response.status_code"], "22012");
		t.is(done.filter(({ request }) => request?.attributes["db.query.text"] === "select 1;").length, 2 * 20 * 5);
		t.is(done.filter(({ outcome }) => outcome !== "ok").length, 1);
	}),
);
