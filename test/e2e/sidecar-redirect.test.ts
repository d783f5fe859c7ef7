/** Redirection by the kernel, in network namespaces of its own: captured with the addresses from before, rules gone afterwards. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemProgram } from "../../sources/sidecar-legacy/rules/system-program.js";
import { needing } from "./support/needing.js";
import { inside, type NamespacePair, namespacePair } from "./support/netns.js";
import { startNginx } from "./support/nginx.js";
import { Program, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { legOf, sha256, startSidecar } from "./support/sidecar.js";

const TABLE = "polytap_legacy";
const RELAY = 15_001;
/** Of nobody: what it opens is redirected, what the relay opens as root is not. */
const NOBODY = 65_534;

const rules = (netns: string) => inside(netns, systemProgram("nft"), ["list", "ruleset"]);
/** Without counters, in an order of its own: iptables lists its chains in that of their making. */
const told = (text: string) =>
	text
		.replaceAll(/packets \d+ bytes \d+/g, "")
		.split("\n")
		.sort()
		.join("\n");
const redirecting = (ports: readonly number[], more: object = {}) => ({
	listen: `[::]:${RELAY}`,
	upstream: "original-destination",
	redirect: { ports, manage: true, ...more },
});

async function echo(scope: Scope, netns: string, url: string, asNobody = false): Promise<boolean> {
	const file = join(await scope.folder(), "body");
	const body = randomBytes(100_000);
	await writeFile(file, body, { mode: 0o644 });
	await runProgram("chmod", ["755", join(file, "..")], 60_000);
	const curl = ["curl", "-sS", "-g", "-m", "60", "--data-binary", `@${file}`, "-o", "-", url];
	const line = asNobody ? ["setpriv", `--reuid=${NOBODY}`, "--clear-groups", ...curl] : curl;
	const program = new Program("sh", ["-c", `"$@" | sha256sum`, "sh", ...line], { netns });
	const { code } = await program.exited;
	return code === 0 && program.stdout.startsWith(sha256(body));
}

const urls = ({ ipv4, ipv6 }: NamespacePair, port: number) =>
	[ipv4, `[${ipv6}]`].map((host) => `http://${host}:${port}/echo/1`);

for (const backend of ["nftables", "iptables"] as const)
	needing(
		"nft",
		"iptables",
		"ip6tables",
		"nginx",
		"ip",
	)(`inbound, ${backend}: IPv4 and IPv6 are captured with the addresses that the client used`, (t) =>
		withScope(async (scope) => {
			const pair = await namespacePair(scope);
			const nginx = await startNginx(scope, { netns: pair.server });
			const source = redirecting([nginx.port], { backend });
			const sidecar = await startSidecar(scope, { source, netns: pair.server });
			t.true((await rules(pair.server)).includes(String(RELAY)));
			for (const url of urls(pair, nginx.port)) t.true(await echo(scope, pair.client, url), url);
			// a connection that lives long enough for its sockets to be looked for, however slow the machine
			const slow = ["-sS", "-m", "60", "--rate", "3/s", `http://${pair.ipv4}:${nginx.port}/small?[1-8]`];
			let connections = 2;
			await until(async () => {
				connections++;
				await inside(pair.client, "curl", slow);
				return (await readFile(join(sidecar.folder, "out.jsonl"), "utf8")).includes('"name":"nginx"');
			}, "the server's process is known");
			const { exchanges: all, totals } = await sidecar.stop();
			const exchanges = all.filter(({ summary }) => summary.operation.includes("/echo/"));
			for (const [leg, client] of [
				["downstream", ["192.0.2.1", "2001:db8::1"]],
				["upstream", ["192.0.2.2", "2001:db8::2"]],
			] as const) {
				const seen = exchanges.filter(legOf(leg)).map(({ connection, response }) => ({
					client: connection.client.address,
					server: `${connection.server.address} ${connection.server.port}`,
					body: response?.body.completeness,
				}));
				const servers = [pair.ipv4, pair.ipv6].map((address) => `${address} ${nginx.port}`);
				t.deepEqual(
					seen,
					servers.map((server, at) => ({ client: client[at], server, body: "complete" })),
					leg,
				);
			}
			// the server is of this namespace, the client is not
			const names = new Set(all.filter(legOf("upstream")).map(({ connection }) => connection.server.process?.name));
			t.true(names.delete("nginx"));
			names.delete(undefined);
			t.is(names.size, 0);
			t.true(all.filter(legOf("downstream")).every(({ connection }) => connection.client.process === null));
			t.is(totals.sources.legacy?.counters.connections_accepted, connections);
			t.false((await rules(pair.server)).includes(String(RELAY)));
			for (const url of urls(pair, nginx.port)) t.true(await echo(scope, pair.client, url), `${url} without it`);
		}),
	);

needing(
	"nft",
	"nginx",
	"ip",
	"setpriv",
)("outbound: what others open is captured, what the relay opens does not come back", (t) =>
	withScope(async (scope) => {
		const pair = await namespacePair(scope);
		const nginx = await startNginx(scope, { netns: pair.server });
		const source = { ...redirecting([nginx.port], { uid: 0 }), direction: "outbound" };
		const sidecar = await startSidecar(scope, { source, netns: pair.client });
		for (const url of urls(pair, nginx.port)) t.true(await echo(scope, pair.client, url, true), url);
		const { exchanges, totals } = await sidecar.stop();
		t.deepEqual(
			exchanges.filter(legOf("downstream")).map(({ connection }) => connection.server.address),
			[pair.ipv4, pair.ipv6],
		);
		t.is(totals.sources.legacy?.counters.connections_accepted, 2);
		t.false((await rules(pair.client)).includes(TABLE));
	}),
);

for (const backend of ["nftables", "iptables"] as const)
	needing(
		"nft",
		"iptables",
		"ip6tables",
		"nginx",
		"ip",
	)(`${backend}: rules are there at every start, gone after every end, and after kill -9 with the next one`, (t) =>
		withScope(async (scope) => {
			const pair = await namespacePair(scope);
			const nginx = await startNginx(scope, { netns: pair.server });
			const source = redirecting([nginx.port], { backend });
			let first = "";
			for (let round = 0; round < 6; round++) {
				const sidecar = await startSidecar(scope, { source, netns: pair.server });
				const found = told(await rules(pair.server));
				t.true(found.includes(String(RELAY)), `round ${round}: ${found} ${sidecar.program.stderr}`);
				first ||= found;
				t.is(found, first, `round ${round}: the same as in the first, whatever was left before`);
				if (round % 2 === 0) {
					await sidecar.program.stop("SIGKILL");
					t.true((await rules(pair.server)).includes(String(RELAY)));
				} else {
					await sidecar.stop();
					t.false((await rules(pair.server)).includes(String(RELAY)), `round ${round}`);
				}
			}
			t.true(await echo(scope, pair.client, urls(pair, nginx.port)[0]!));
		}),
	);

/** Gives each request's body back when the file is there. Returns its port. */
async function startPatient(scope: Scope, netns: string, file: string): Promise<number> {
	const code = `const { existsSync } = require("node:fs");
const server = require("node:http").createServer((request, response) => {
	const look = () => (existsSync(process.argv[1]) ? request.pipe(response) : setTimeout(look, 50));
	look();
});
server.listen(0, "::", () => console.log(server.address().port));`;
	const server = new Program(process.execPath, ["-e", code, file], { netns });
	scope.defer(() => server.stop("SIGKILL"));
	await server.until(() => server.stdout.endsWith("\n"), 60_000);
	return Number(server.stdout);
}

for (const backend of ["nftables", "iptables"] as const)
	needing(
		"nft",
		"iptables",
		"ip6tables",
		"ip",
		"ss",
	)(`${backend}: a stop lets redirected connections come to their end`, (t) =>
		withScope(async (scope) => {
			const pair = await namespacePair(scope);
			const go = join(await scope.folder(), "go");
			const port = await startPatient(scope, pair.server, go);
			const sidecar = await startSidecar(scope, { source: redirecting([port], { backend }), netns: pair.server });
			const answers = urls(pair, port).map((url) => echo(scope, pair.client, url));
			await sidecar.program.until(async () => {
				const open = await inside(pair.server, "ss", ["-Htn", "state", "established", `( sport = :${RELAY} )`]);
				return open.trim().split("\n").length === answers.length;
			}, 60_000);
			const stopped = sidecar.stop();
			await sidecar.program.until(async () => /\breturn\b/.test(await rules(pair.server)), 60_000);
			await writeFile(go, "");
			t.deepEqual(await Promise.all(answers), [true, true]);
			const { exchanges } = await stopped;
			t.is(exchanges.filter((exchange) => legOf("downstream")(exchange) && exchange.outcome === "ok").length, 2);
			t.false((await rules(pair.server)).includes(String(RELAY)));
		}),
	);

needing("nft", "ip")("rules that cannot be installed end the start with a coded error and leave nothing behind", (t) =>
	withScope(async (scope) => {
		const pair = await namespacePair(scope);
		const source = { ...redirecting([80]), listen: `[::]:${RELAY}` };
		// without CAP_NET_ADMIN
		const folder = await scope.folder();
		const config = join(folder, "polytap.yaml");
		const settings = {
			version: 1,
			sources: { legacy: { type: "sidecar-legacy", ...source } },
			sinks: { x: { type: "blackhole" } },
		};
		await writeFile(config, JSON.stringify(settings));
		const { CLI } = await import("./support/polytap.js");
		const line = [
			"--bounding-set",
			"-net_admin",
			"--inh-caps",
			"-net_admin",
			process.execPath,
			CLI,
			"run",
			"-c",
			config,
		];
		const program = new Program("setpriv", line, { netns: pair.server });
		const { code } = await program.exited;
		t.is(code, 3, program.stderr);
		t.regex(program.stderr, /error\[SIDECAR_RULES_FAILED\]/);
		t.is((await rules(pair.server)).trim(), "");
	}),
);
