/** Two network namespaces with the same addresses and ports on their loopback: TCP and UDP, never mixed. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Exchange } from "../../core/index.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { REPOSITORY } from "./support/polytap.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "cc", "ip", "dnsmasq", "dig");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED network namespaces: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const PORT = 8080;
const DNS_PORT = 8053;
const CLIENT_PORT = 31_000;
/** Raised for proofs. */
const COUNT = Number(process.env.POLYTAP_NAMESPACES_COUNT ?? 50);

async function makeNamespace(scope: Scope, name: string): Promise<void> {
	await runProgram("ip", ["netns", "add", name], 60_000);
	scope.defer(async () => void (await runProgram("ip", ["netns", "delete", name], 60_000)));
	await runProgram("ip", ["-n", name, "link", "set", "lo", "up"], 60_000);
}

const within = (name: string, ...command: readonly string[]): string[] => ["netns", "exec", name, ...command];

live(
	"HTTP of two namespaces with one 4-tuple: each exchange is that of its own namespace, with its own processes",
	(t) =>
		withScope(async (scope) => {
			const program = join(await scope.folder(), "namespace-peer");
			const source = join(REPOSITORY, "test/e2e/support/namespace-peer.c");
			await runProgram("cc", ["-O2", "-o", program, source], 60_000);
			const names = ["a", "b"].map((letter) => `polytap-${letter}-${process.pid}`);
			const servers = new Map<string, number>();
			for (const name of names) {
				await makeNamespace(scope, name);
				// `ip netns exec` becomes the command
				const server = new Program("ip", within(name, program, "serve", String(PORT), name));
				scope.defer(() => server.stop("SIGTERM"));
				await server.until(() => server.stdout.includes("ready"), 60_000);
				servers.set(name, server.pid);
			}
			const stop = await captureLive(scope, [PORT]);
			const fetched = names.map((name) =>
				runProgram("ip", within(name, program, "fetch", ...[PORT, CLIENT_PORT, COUNT].map(String), name), 60_000),
			);
			for (const { stdout } of await Promise.all(fetched))
				t.is(Number(stdout), COUNT, "the peers themselves were mixed");
			const all = (await stop()).filter(({ kind }) => kind === "exchange");
			t.is(all.length, 2 * COUNT);
			t.is(new Set(all.map(({ id }) => id)).size, 2 * COUNT);
			for (const { request, response, connection, outcome } of all) {
				const [, name = "", number] = String(request?.attributes["url.path"]).split("/");
				t.is(outcome, "ok", number);
				t.is(response?.body.data, name);
				t.is(connection.server.process?.pid, servers.get(name));
				t.deepEqual([connection.client.port, connection.server.port], [CLIENT_PORT, PORT]);
			}
			// a client is one process of its own namespace
			const clients = new Set(
				all.map(({ connection, response }) => `${response?.body.data} ${connection.client.process?.pid}`),
			);
			t.is(clients.size, 2);
		}),
);

live("DNS of two namespaces with one 4-tuple: each question has the answer of its own namespace", (t) =>
	withScope(async (scope) => {
		const names = ["c", "d"].map((letter) => `polytap-${letter}-${process.pid}`);
		const addressOf = new Map(names.map((name, i) => [name, `192.0.2.${i + 1}`]));
		const servers = new Map<string, number>();
		for (const name of names) {
			await makeNamespace(scope, name);
			const settings = [
				"--no-daemon",
				"--no-resolv",
				"--no-hosts",
				"--conf-file=/dev/null",
				"--user=root",
				"--pid-file=",
			];
			const listening = [`--port=${DNS_PORT}`, "--listen-address=127.0.0.1", "--bind-interfaces"];
			const answer = `--address=/test/${addressOf.get(name)}`;
			const server = new Program("ip", within(name, "dnsmasq", ...settings, ...listening, answer));
			scope.defer(() => server.stop("SIGTERM"));
			await server.until(() => server.stderr.includes("started"), 60_000);
			servers.set(name, server.pid);
		}
		const stop = await captureLive(scope, [], {}, { targets: [{ udp: [DNS_PORT] }] });
		const ask = async (name: string): Promise<void> => {
			const questions = Array.from({ length: COUNT }, (_, i) => [`host-${i}.${name}.test`, "A"]).flat();
			const asked = ["-b", `127.0.0.1#${CLIENT_PORT}`, "@127.0.0.1", "-p", String(DNS_PORT), "+tries=1", "+time=60"];
			await runProgram("ip", within(name, "dig", ...asked, ...questions), 120_000);
		};
		await Promise.all(names.map(ask));
		const all = (await stop()).filter(({ protocol }) => protocol === "dns");
		const told = ({ request, response, outcome, connection }: Exchange): string =>
			`${request?.attributes["dns.question.name"]} ${outcome} ${response?.attributes["dns.answers"]} ${connection.server.process?.pid}`;
		const expected = names.flatMap((name) =>
			Array.from({ length: COUNT }, (_, i) => `host-${i}.${name}.test ok ${addressOf.get(name)} ${servers.get(name)}`),
		);
		t.deepEqual(all.map(told).sort(), expected.sort());
		t.is(new Set(all.map(({ id }) => id)).size, all.length);
	}),
);
