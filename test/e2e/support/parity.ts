/** `polytap compare` of eBPF and the sidecar on the same live traffic. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CompareReport } from "../../../core/compare/comparison.js";
import { type MixedServers, PROTOCOLS, type Spoken } from "./mixed-traffic.js";
import { CLI, settled } from "./polytap.js";
import { freePort } from "./port.js";
import { Program } from "./program.js";
import type { Scope } from "./scope.js";

export interface ParityRun {
	readonly code: number | null;
	readonly report: CompareReport;
	readonly stdout: string;
	readonly stderr: string;
}

export interface ParityOptions {
	readonly each: number;
	/** More options of the eBPF source. */
	readonly ebpf?: Readonly<Record<string, unknown>>;
	readonly args?: readonly string[];
}

/** A relay before each server, and eBPF at the servers; of TLS the relays open it, and eBPF probes the servers' libraries. */
export async function compareLive(scope: Scope, servers: MixedServers, options: ParityOptions): Promise<ParityRun> {
	const folder = await scope.folder();
	const { isTls } = servers;
	const tls = { mode: "intercept", ca_folder: join(folder, "ca"), upstream_verify: false };
	const relays = {} as Record<Spoken, number>;
	for (const protocol of PROTOCOLS) relays[protocol] = await freePort();
	const relay = (protocol: Spoken) => ({
		type: "sidecar-legacy",
		listen: `127.0.0.1:${relays[protocol]}`,
		upstream: `127.0.0.1:${servers.ports[protocol]}`,
		legs: "upstream",
		tee_bytes: 1 << 26,
		...(isTls ? { tls } : {}),
	});
	const config = {
		version: 1,
		sources: {
			node: {
				type: "ebpf",
				targets: [{ ports: Object.values(servers.ports) }],
				vantage: "server",
				ring_bytes: 1 << 26,
				...(isTls ? { tls: "auto" } : {}),
				...options.ebpf,
			},
			...Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, relay(protocol)])),
		},
		sinks: { none: { type: "blackhole" } },
	};
	const file = join(folder, "polytap.yaml");
	const out = join(folder, "report.json");
	await writeFile(file, JSON.stringify(config));
	const args = ["compare", "-c", file, "--by", "type", "-f", "json", "-o", out, ...(options.args ?? [])];
	const program = new Program(process.execPath, [CLI, ...args]);
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => /^ready: /m.test(program.stderr), 60_000);
	await servers.drive(relays, options.each);
	await settled(program);
	const { code } = await program.stop("SIGTERM", 120_000);
	const report: CompareReport = JSON.parse(await readFile(out, "utf8"));
	return { code, report, stdout: program.stdout, stderr: program.stderr };
}
