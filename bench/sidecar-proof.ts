/**
 * `node dist/bench/sidecar-proof.js [exchanges [WORD…]]`: the sidecar before nginx and PostgreSQL, plain and over TLS, HTTP/2 with
 * ALPN: each body that was recorded, on both legs, is compared by SHA-256 with what was sent and echoed. Once with an explicit upstream, and
 * behind a redirection by nftables and by iptables between two network namespaces, over IPv4 and IPv6. WORDs choose: `explicit`,
 * `nftables`, `iptables`; `http1`, `https1`, `https2`, `postgresql`, `postgresql-tls`.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Exchange } from "../core/index.js";
import { systemProgram } from "../sources/sidecar-legacy/rules/system-program.js";
import { makeCertificate } from "../test/e2e/support/certificate.js";
import { inside, namespacePair } from "../test/e2e/support/netns.js";
import { startNginx } from "../test/e2e/support/nginx.js";
import { postgresqlFolder, startPostgresql } from "../test/e2e/support/postgresql.js";
import { runProgram } from "../test/e2e/support/program.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { legOf, type Sidecar, sha256, startSidecar } from "../test/e2e/support/sidecar.js";
import { bodyOf, pathOf, type SidecarLoad } from "./sidecar-load.js";

const WAYS = ["explicit", "nftables", "iptables"] as const;
const PROOFS = ["http1", "https1", "https2", "postgresql", "postgresql-tls"] as const;
type Way = (typeof WAYS)[number];
type Proof = (typeof PROOFS)[number];

const RELAY = 15_001;
const LIMIT_MS = 600_000;
const exchanges = Number(process.argv[2] ?? 10_000);
const words = process.argv.slice(3);

/** Where clients and servers are, and how a relay comes between them. */
interface Place {
	readonly client: string | null;
	readonly server: string | null;
	/** Of the server, as the client reaches them. */
	readonly hosts: readonly string[];
	/** Its options, and the ports that clients use. */
	relay(serverPort: number): Readonly<Record<string, unknown>>;
	portFor(serverPort: number, sidecar: Sidecar): number;
	/** Throws where something of the relay is left in the kernel. */
	isLeft(): Promise<void>;
}

async function placeFor(way: Way, scope: Scope): Promise<Place> {
	if (way === "explicit")
		return {
			client: null,
			server: null,
			hosts: ["127.0.0.1"],
			relay: (port) => ({ upstream: `127.0.0.1:${port}` }),
			portFor: (_, { port }) => port,
			isLeft: async () => {},
		};
	const { client, server, ipv4, ipv6 } = await namespacePair(scope);
	return {
		client,
		server,
		hosts: [ipv4, `[${ipv6}]`],
		relay: (port) => ({
			listen: `[::]:${RELAY}`,
			upstream: "original-destination",
			redirect: { ports: [port], manage: true, backend: way },
		}),
		portFor: (port) => port,
		async isLeft() {
			const rules = await inside(server, systemProgram("nft"), ["list", "ruleset"]);
			if (rules.includes(String(RELAY))) throw new Error(`rules are left: ${rules}`);
		},
	};
}

async function prove(way: Way, proof: Proof, scope: Scope): Promise<void> {
	const place = await placeFor(way, scope);
	const started = performance.now();
	const tell = (leg: string, text: string, isFine: boolean) => {
		if (!isFine) process.exitCode = 1;
		const seconds = ((performance.now() - started) / 1000).toFixed(1);
		console.log(`${isFine ? "ok    " : "NOT OK"} ${way}, ${proof}, ${leg}: ${text} (${seconds} s)`);
	};
	await (proof.startsWith("http") ? overHttp : overPostgresql)(place, proof, scope, tell);
	await place.isLeft();
}

type Tell = (leg: string, text: string, isFine: boolean) => void;

async function overHttp(place: Place, proof: Proof, scope: Scope, tell: Tell): Promise<void> {
	const isTls = proof !== "http1";
	const certificate = await makeCertificate(scope);
	const nginx = await startNginx(scope, { netns: place.server, ...(isTls ? { tls: certificate } : {}) });
	const ca = join(await scope.folder(), "ca");
	const tls = { mode: "intercept", ca_folder: ca, upstream_ca_file: certificate.certificate };
	const sidecar = await startSidecar(scope, {
		source: { ...place.relay(nginx.port), tee_bytes: 1 << 26, ...(isTls ? { tls } : {}) },
		netns: place.server,
	});
	const scheme = isTls ? "https" : "http";
	const load: SidecarLoad = {
		urls: place.hosts.map((host) => `${scheme}://${host}:${place.portFor(nginx.port, sidecar)}`),
		exchanges,
		version: proof === "https2" ? "2" : "1.1",
		tls: isTls ? { caFile: join(ca, "ca.pem"), name: "localhost" } : null,
	};
	const program = fileURLToPath(new URL("sidecar-load.js", import.meta.url));
	await runProgram(process.execPath, [program, JSON.stringify(load)], LIMIT_MS, { netns: place.client });
	const { exchanges: records } = await sidecar.stop();
	const sent = new Map(Array.from({ length: exchanges }, (_, n) => [pathOf(n), sha256(bodyOf(n))]));
	const protocol = proof === "https2" ? "http/2" : "http/1.1";
	for (const leg of ["downstream", "upstream"]) {
		const seen = new Set<string>();
		let equal = 0;
		let others = 0;
		for (const record of records.filter(legOf(leg))) {
			if (record.kind !== "exchange") continue;
			const path = String(record.request?.attributes["url.path"]);
			const isFirst = sent.has(path) && !seen.has(path) && record.protocol === protocol;
			seen.add(path);
			if (!isFirst) others++;
			else if (isEqual(record, sent.get(path)!) && (record.connection.tls !== null) === isTls) equal++;
		}
		tell(
			leg,
			`${exchanges} sent, ${seen.size} recorded, ${equal} equal by SHA-256, ${others} that nobody sent`,
			equal === exchanges && others === 0,
		);
	}
}

const isEqual = ({ request, response }: Exchange, hash: string): boolean =>
	[request, response].every(
		(message) =>
			message !== null &&
			message.body.completeness === "complete" &&
			sha256(Buffer.from(message.body.data as string, message.body.encoding as "utf8")) === hash,
	);

async function overPostgresql(place: Place, proof: Proof, scope: Scope, tell: Tell): Promise<void> {
	const withTls = proof === "postgresql-tls";
	const cluster = await startPostgresql(scope, { hasTls: withTls, netns: place.server });
	const folder = await scope.folder();
	const tls = { mode: "intercept", ca_folder: join(folder, "ca"), upstream_verify: false };
	const sidecar = await startSidecar(scope, {
		source: { ...place.relay(cluster.port), tee_bytes: 1 << 26, ...(withTls ? { tls } : {}) },
		netns: place.server,
	});
	const script = join(folder, "script.sql");
	await writeFile(script, `\\set n random(1, 100000)\nselect :n as n, repeat(md5(:n::text), 4) as text;\n`);
	let processed = 0;
	for (const host of place.hosts) {
		const url = [
			`host=${host.replace(/[[\]]/g, "")} port=${place.portFor(cluster.port, sidecar)} user=postgres dbname=postgres`,
			`sslmode=${withTls ? "require" : "disable"}`,
		].join(" ");
		const each = String(Math.ceil(exchanges / place.hosts.length / 4));
		const pgbench = join(postgresqlFolder()!, "pgbench");
		const args = ["-n", "-c", "4", "-t", each, "-f", script, url];
		const { stdout } = await runProgram(pgbench, args, LIMIT_MS, { netns: place.client });
		processed += Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
	}
	const { exchanges: records } = await sidecar.stop();
	for (const leg of ["downstream", "upstream"]) {
		let equal = 0;
		for (const { request, response, connection } of records.filter(legOf(leg))) {
			const n = /^select (\d+) as n/.exec(String(request?.attributes["db.query.text"]))?.[1];
			if (n === undefined || (connection.tls !== null) !== withTls) continue;
			const text = createHash("md5").update(n).digest("hex").repeat(4);
			if (sha256(textIn(response?.body.data)) === sha256(text)) equal++;
		}
		tell(leg, `${processed} statements, ${equal} recorded with a row equal by SHA-256`, equal === processed);
	}
}

/** The second value of the only row of a result. */
function textIn(data: unknown): string {
	const found = /"([0-9a-f]{128})"/.exec(JSON.stringify(data ?? null));
	return found?.[1] ?? "";
}

const wanted = <T extends string>(all: readonly T[]): readonly T[] => {
	const some = all.filter((name) => words.includes(name));
	return some.length > 0 ? some : all;
};
for (const way of wanted(WAYS))
	for (const proof of wanted(PROOFS)) await withScope((scope) => prove(way, proof, scope));
