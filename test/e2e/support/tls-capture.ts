/** Loads over TLS, captured live, held against the access log of the server that answered them. */
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Exchange } from "../../../core/index.js";
import { checkIntegrity, type Load, problemsIn } from "./integrity.js";
import { linesOf } from "./lines.js";
import { captureConfig, METRICS, type Polytap, startPolytap } from "./polytap.js";
import type { Scope } from "./scope.js";
import type { SendLoad } from "./tls-loads.js";

const KIB = 1024;
const MIB = 1024 * 1024;
/** 10,000 exchanges of each kind with TLS_EXCHANGES=10000. */
const EXCHANGES = Number(process.env.TLS_EXCHANGES ?? 32);
const ROOM = {
	// an end may be told late on a busy machine
	capture: { max_held_bytes: 1024 * MIB, merge_window_ms: 5_000 },
	sink: { queue: { max_bytes: 512 * MIB } },
} as const;

type Vantage = "auto" | "server" | "client" | "both";

export interface LoggingServer {
	readonly port: number;
	readonly accessLog: string;
	stop(): Promise<void>;
}

export interface TlsCapture {
	readonly path: string;
	readonly polytap: Polytap;
}

/** The eBPF source with probes of TLS libraries on these ports. */
export async function startTlsCapture(scope: Scope, ports: readonly number[], vantage: Vantage): Promise<TlsCapture> {
	const path = join(await scope.folder(), "out.jsonl");
	const source = { ring_bytes: 128 * MIB, tls: "auto" };
	return {
		path,
		polytap: await startPolytap(scope, {
			config: { ...captureConfig({ ...ROOM, source, ports, path, vantage }), metrics: METRICS },
		}),
	};
}

/**
 * Sends loads of three sizes, and holds what was captured against the server's own log. `unused`: the clients open connections
 * that they then do not need, which have a record of their own.
 */
export async function sendAndCheck(
	t: ExecutionContext,
	scope: Scope,
	server: LoggingServer,
	{ path, polytap }: TlsCapture,
	senders: Readonly<Record<string, SendLoad>>,
	onRecord: (exchange: Exchange) => void = () => {},
	{ library = "openssl", unused = false } = {},
): Promise<void> {
	const loads: Load[] = [];
	for (const [name, send] of Object.entries(senders)) {
		for (const [size, count] of [
			[100, EXCHANGES],
			[40 * KIB, Math.min(EXCHANGES, 1000)],
			[MIB, 8],
		] as const) {
			const load = 100 + loads.length;
			await send(scope, { port: server.port, load, count, size });
			loads.push({ number: load, name: `${name}, ${size} bytes`, kind: "echo", size });
		}
		await polytap.settled();
	}
	await server.stop();
	await polytap.settled();
	const { code, totals, stderr } = await polytap.stop();
	t.log(stderr);
	t.is(code, 0);
	const lost = Object.entries(totals.bytes.lost).filter(([, bytes]) => bytes > 0);
	t.deepEqual(lost, []);
	// of the whole node: what others do meanwhile is counted too
	t.log(`unjoined: ${totals.sources.node?.counters.tls_unjoined_bytes} bytes`);
	const reports = await checkIntegrity(path, server.accessLog, loads, (exchange) => {
		if (exchange.connection.tls?.library !== library) t.fail(JSON.stringify(exchange.connection));
		onRecord(exchange);
	});
	for (const report of reports) {
		t.is(problemsIn(report), "");
		t.true(report.logged >= 8, `${report.name}: only ${report.logged} requests`);
		t.log(`${report.name}: ${report.logged} requests, ${report.records} records`);
	}
	// HTTP/2 has something to say of its connections; nothing was left encrypted
	if (!unused)
		t.deepEqual(
			(await protocolsOf(path, "connection")).filter((protocol) => protocol !== "http/2"),
			[],
		);
}

/** Protocols of the records of this kind. */
export async function protocolsOf(path: string, kind: Exchange["kind"]): Promise<string[]> {
	const found = new Set<string>();
	for await (const line of linesOf(path)) {
		const exchange: Exchange = JSON.parse(line.toString("utf8"));
		if (exchange.kind === kind) found.add(exchange.protocol);
	}
	return [...found];
}
