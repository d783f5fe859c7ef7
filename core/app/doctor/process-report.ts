/** `polytap doctor --pid` and `--port`: why each connection is or is not captured. */
import { readFileSync } from "node:fs";
import type { EbpfOptions } from "../../../sources/ebpf/options.js";
import { type ProcessSocket, SocketLists } from "../../../sources/ebpf/process-sockets.js";
import { type ProcessTls, tlsOfProcess } from "../../../sources/ebpf/process-tls.js";
import { processIds } from "../../../sources/ebpf/tls/mapped-files.js";
import { type JvmStatus, jvmStatus } from "../../../sources/java-agent/attach/status.js";
import { PolytapError } from "../../errors.js";
import { readConfig } from "../config-file.js";
import { type ConnectionDiagnosis, diagnose } from "./connections.js";
import { shortCapture } from "./short-capture.js";

export interface ProcessQuestion {
	/** Null: whichever processes the ports belong to. */
	readonly pid: number | null;
	readonly ports: readonly number[];
	readonly forMs: number;
	/** Whose eBPF sources are asked whether they would capture a connection. */
	readonly config: string | null;
}

export interface ProcessReport {
	readonly pid: number | null;
	readonly ports: readonly number[];
	readonly watchedMs: number;
	readonly processes: readonly ProcessFacts[];
	readonly connections: readonly ConnectionDiagnosis[];
	readonly warnings: readonly string[];
}

export interface ProcessFacts extends ProcessTls {
	readonly pid: number;
	readonly name: string;
	/** Null: it is no JVM. */
	readonly jvm: JvmStatus | null;
}

/** Sockets are listed before and after the capture, so that one that lasts as long as either is there. */
export async function reportProcess(question: ProcessQuestion, stop: AbortSignal): Promise<ProcessReport> {
	const { pid, ports, forMs, config } = question;
	const configured = config === null ? null : await configuredSources(config);
	const before = socketsOf(question);
	if (pid !== null && before === null)
		throw new PolytapError(
			"USAGE",
			`there is no process ${pid} that this user may look at`,
			"give the id in polytap's own pid namespace, as root or with CAP_SYS_PTRACE",
		);
	const rule = { ...(pid === null ? {} : { pids: [pid] }), ...(ports.length === 0 ? {} : { ports: [...ports] }) };
	const { sights, warnings, durationMs } = await shortCapture([{ ...rule, exclude: false }], forMs, stop);
	const after = socketsOf(question) ?? [];
	const sockets = merged(before ?? [], after);
	const pids = new Set(sockets.map((socket) => socket.pid));
	if (pid !== null) pids.add(pid);
	for (const { client, server } of pid === null ? sights : [])
		for (const { process } of [client, server]) if (process !== null) pids.add(process.pid);
	const tls = new Map([...pids].map((each) => [each, tlsOfProcess(each)]));
	const names = new Map([...pids].map((each) => [each, nameOf(each)]));
	const jvms = new Map([...pids].map((each) => [each, jvmStatus(each)]));
	return {
		pid,
		ports,
		watchedMs: durationMs,
		processes: [...tls].map(([each, found]) => ({
			pid: each,
			name: names.get(each) ?? "",
			...found,
			jvm: jvms.get(each) ?? null,
		})),
		connections: diagnose({ sockets, sights, tls, jvms, names, configured, pids: pid === null ? [] : [pid] }),
		warnings,
	};
}

/** Null: the process is not there. */
function socketsOf({ pid, ports }: ProcessQuestion): ProcessSocket[] | null {
	const lists = new SocketLists();
	const isWanted = ({ local, remote }: ProcessSocket): boolean =>
		ports.length === 0 || ports.includes(local.port) || (remote !== null && ports.includes(remote.port));
	if (pid !== null) return lists.of(pid)?.filter(isWanted) ?? null;
	return processIds()
		.filter((each) => each !== process.pid)
		.flatMap((each) => lists.of(each) ?? [])
		.filter(isWanted);
}

/** A later state of the same socket counts. */
function merged(before: readonly ProcessSocket[], after: readonly ProcessSocket[]): ProcessSocket[] {
	const keyOf = ({ pid, transport, local, remote, fd }: ProcessSocket): string =>
		`${pid} ${transport} ${local.address} ${local.port} ${remote?.address} ${remote?.port} ${remote === null ? fd : ""}`;
	const sockets = new Map(before.map((socket) => [keyOf(socket), { ...socket, state: goneIf(socket) }]));
	for (const socket of after) sockets.set(keyOf(socket), socket);
	return [...sockets.values()];
}

function goneIf({ state }: ProcessSocket): string {
	return state === "listening" || state === "unconnected" ? state : "gone";
}

async function configuredSources(file: string): Promise<EbpfOptions[]> {
	const { config } = await readConfig(file);
	return config.sources.filter(({ type }) => type === "ebpf").map(({ options }) => options as EbpfOptions);
}

function nameOf(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
	} catch {
		return "";
	}
}
