/** Puts what /proc shows of a process's sockets beside what a short capture made of them, and says what would change that. */
import type { EbpfOptions } from "../../../sources/ebpf/options.js";
import type { ProcessSocket } from "../../../sources/ebpf/process-sockets.js";
import type { ProcessTls } from "../../../sources/ebpf/process-tls.js";
import type { JvmStatus } from "../../../sources/java-agent/attach/status.js";
import type { Endpoint, Transport } from "../../events.js";
import { type ConnectionSight, endsKey } from "./sights.js";

export interface ConnectionDiagnosis {
	readonly pid: number | null;
	readonly fd: number | null;
	readonly transport: Transport;
	/** As /proc shows it; `gone`: it was not there any more, or not yet, when the sockets were listed. */
	readonly state: string;
	readonly role: "client" | "server" | null;
	readonly local: Endpoint;
	readonly remote: Endpoint | null;
	/** While it was watched. */
	readonly bytes: { readonly seen: number; readonly captured: number; readonly lost: Readonly<Record<string, number>> };
	readonly exchanges: number;
	readonly protocol: string | null;
	/** Why no protocol was found, or why it is not parsed; null: it is. */
	readonly undecided: string | null;
	readonly tls: {
		/** What encrypts it and was probed; null: its plaintext was not seen. */
		readonly library: string | null;
		readonly whyNot: string | null;
	} | null;
	/** Would the config that was given capture it? Null: none was given. */
	readonly isTargeted: boolean | null;
	/** What to do to get it, or to get more of it; empty: nothing is missing. */
	readonly changes: readonly string[];
}

export interface DiagnosisInput {
	readonly sockets: readonly ProcessSocket[];
	readonly sights: readonly ConnectionSight[];
	/** By process. */
	readonly tls: ReadonlyMap<number, ProcessTls>;
	/** By process; null: it is no JVM. */
	readonly jvms: ReadonlyMap<number, JvmStatus | null>;
	/** `comm`, by process. */
	readonly names: ReadonlyMap<number, string>;
	/** Options of the config's eBPF sources; null: no config was given. */
	readonly configured: readonly EbpfOptions[] | null;
	/** Only these processes; empty: whichever. */
	readonly pids: readonly number[];
}

/** Connections first, each once for each of its ends that was asked about; then what listens. */
export function diagnose(input: DiagnosisInput): ConnectionDiagnosis[] {
	const byEnds = new Map(input.sights.map((sight) => [endsKey(sight.transport, sight.client, sight.server), sight]));
	const listening = new Set(
		input.sockets
			.filter(({ state }) => state === "listening")
			.map(({ transport, local }) => `${transport} ${local.port}`),
	);
	const shown = new Set<ConnectionSight>();
	const found: ConnectionDiagnosis[] = [];
	for (const socket of input.sockets) {
		const sight =
			socket.remote === null ? null : (byEnds.get(endsKey(socket.transport, socket.local, socket.remote)) ?? null);
		if (sight !== null) shown.add(sight);
		found.push(ofSocket(input, socket, sight, listening));
	}
	for (const sight of input.sights) if (!shown.has(sight)) found.push(...ofSight(input, sight));
	const isIdle = ({ remote, transport, state }: ConnectionDiagnosis): boolean =>
		remote === null && (transport !== "unix" || state !== "established");
	return [...found.filter((each) => !isIdle(each)), ...found.filter(isIdle)];
}

function ofSocket(
	input: DiagnosisInput,
	{ pid, fd, transport, state, local, remote }: ProcessSocket,
	sight: ConnectionSight | null,
	listening: ReadonlySet<string>,
): ConnectionDiagnosis {
	let role: ConnectionDiagnosis["role"] = null;
	if (sight !== null && remote !== null) role = sameEnd(sight.client, local) ? "client" : "server";
	else if (remote !== null) role = listening.has(`${transport} ${local.port}`) ? "server" : "client";
	return complete(input, { pid, fd, transport, state, local, remote, role }, sight);
}

/** Of a connection that /proc did not show. */
function ofSight(input: DiagnosisInput, sight: ConnectionSight): ConnectionDiagnosis[] {
	const ends = [
		{ role: "server", local: sight.server, remote: sight.client },
		{ role: "client", local: sight.client, remote: sight.server },
	] as const;
	const wanted = ends.filter(
		({ local: { process } }) => process !== null && (input.pids.length === 0 || input.pids.includes(process.pid)),
	);
	return (wanted.length === 0 ? ends.slice(0, 1) : wanted).map(({ role, local, remote }) =>
		complete(
			input,
			{
				pid: local.process?.pid ?? null,
				fd: null,
				transport: sight.transport,
				state: "gone",
				local: { address: local.address, port: local.port },
				remote: { address: remote.address, port: remote.port },
				role,
			},
			sight,
		),
	);
}

type Ends = Pick<ConnectionDiagnosis, "pid" | "fd" | "transport" | "state" | "local" | "remote" | "role">;

function complete(input: DiagnosisInput, ends: Ends, sight: ConnectionSight | null): ConnectionDiagnosis {
	const captured = sight?.captured ?? 0;
	const lost = sight?.lost ?? {};
	const seen = captured + Object.values(lost).reduce((sum, bytes) => sum + bytes, 0);
	const isTargeted =
		input.configured === null ? null : input.configured.some((each) => isTarget(each, ends, input.names));
	const diagnosis = {
		...ends,
		bytes: { seen, captured, lost },
		exchanges: sight?.exchanges ?? 0,
		protocol: sight?.protocol ?? null,
		undecided: undecidedOf(ends, sight, seen),
		tls: tlsOf(input, ends, sight),
		isTargeted,
		changes: [],
	};
	const jvm = ends.pid === null ? null : (input.jvms.get(ends.pid) ?? null);
	return { ...diagnosis, changes: changesFor(diagnosis, input.configured, jvm) };
}

function undecidedOf({ state, transport }: Ends, sight: ConnectionSight | null, seen: number): string | null {
	if (state === "listening") return "it listens: its connections stand by themselves";
	if (transport === "udp") return "datagrams are not watched here; a rule with `udp` captures them";
	if (transport === "unix") return "Unix sockets are listed and not watched here";
	if (sight === null || seen === 0) return "nothing passed while it was watched";
	if (sight.reason === "undetected" || sight.reason === "unknown-protocol") return "no parser knows what is spoken";
	if (sight.reason !== null) return sight.reason;
	return sight.protocol === null ? "no parser knows what is spoken" : null;
}

function tlsOf({ tls }: DiagnosisInput, { pid }: Ends, sight: ConnectionSight | null): ConnectionDiagnosis["tls"] {
	if (sight === null) return null;
	if (sight.tlsLibrary !== null) return { library: sight.tlsLibrary, whyNot: null };
	if (sight.protocol !== "tls") return null;
	const process = pid === null ? undefined : tls.get(pid);
	if (process === undefined) return { library: null, whyNot: "its process is not known" };
	if (process.whyNot !== null) return { library: null, whyNot: process.whyNot };
	const names = [...new Set(process.libraries.map(({ library }) => library))].join(", ");
	return { library: null, whyNot: `${names} is loaded, and no call of it was seen on this connection` };
}

/** What the rules of `targets` say, as the kernel side asks them. */
function isTarget({ targets }: EbpfOptions, ends: Ends, names: ReadonlyMap<number, string>): boolean {
	const { pid, transport, role, local, remote } = ends;
	if (transport === "unix") return false;
	const ports = [role !== "client" ? local.port : null, role !== "server" ? (remote?.port ?? null) : null];
	let isWanted = false;
	for (const rule of targets) {
		if (rule.unix !== undefined || (rule.udp !== undefined) !== (transport === "udp")) continue;
		const wanted = rule.udp ?? rule.ports;
		const holds =
			(wanted === undefined || ports.some((port) => port !== null && wanted.includes(port))) &&
			(rule.pids === undefined || (pid !== null && rule.pids.includes(pid))) &&
			(rule.name === undefined || (pid !== null && names.get(pid) === rule.name));
		if (!holds) continue;
		if (rule.exclude) return false;
		isWanted = true;
	}
	return isWanted;
}

const BY_CAUSE: Readonly<Record<string, string>> = {
	"ring-full": "a larger `ring_bytes`, or fewer `targets`: the ring had no room",
	sendfile: "`wire: auto`: from the process's next connection on packets bring what sendfile moves",
	splice: "`wire: auto`: from the process's next connection on packets bring what splice moves",
	"io-uring": "`wire: auto`: from the process's next connection on packets bring what io_uring moves",
	"not-readable": "`wire: always`: packets bring what could not be read from the process's memory",
	"position-conflict": "several threads write one socket at once: `wire: always` takes the bytes from packets",
};

function changesFor(
	{ transport, state, role, local, remote, pid, bytes, protocol, undecided, tls, isTargeted }: ConnectionDiagnosis,
	configured: readonly EbpfOptions[] | null,
	jvm: JvmStatus | null,
): string[] {
	const port = role === "client" ? remote?.port : local.port;
	const rule = port === undefined || port === 0 ? (pid === null ? null : `pids: [${pid}]`) : `ports: [${port}]`;
	const changes: string[] = [];
	if (transport === "unix" && local.address !== "")
		changes.push(`targets: [{ unix: [${JSON.stringify(local.address)}] }]`);
	if (transport === "udp" && port !== undefined && port > 0) changes.push(`targets: [{ udp: [${port}] }]`);
	if (transport !== "tcp") return changes;
	if (isTargeted === false && rule !== null)
		changes.push(`add { ${rule} } to the eBPF source's \`targets\`, and look for a rule with \`exclude\``);
	else if (configured === null && rule !== null) changes.push(`targets: [{ ${rule} }]`);
	if (state === "listening") return changes;
	if (bytes.seen === 0) return [...changes, "nothing passed: a longer --for"];
	for (const cause of Object.keys(bytes.lost)) {
		const change = BY_CAUSE[cause];
		if (change !== undefined) changes.push(change);
	}
	if (protocol === "tls" && tls?.library === null) changes.push(plaintextOf(jvm));
	if (tls?.library !== null && tls !== null && configured?.every((each) => each.tls === "off") === true)
		changes.push("tls: auto");
	if (protocol === null && undecided !== null && rule !== null)
		changes.push(`if you know what is spoken: { ${rule}, protocol: NAME }, a NAME of \`polytap list\``);
	return changes;
}

/** What it takes to see the plaintext of a connection whose library cannot be probed. */
function plaintextOf(jvm: JvmStatus | null): string {
	if (jvm === null) return "without a library that can be probed its plaintext takes the sidecar";
	if (jvm.hasAgent)
		return "the agent is in this JVM: its plaintext comes with a source `type: java-agent` where that agent connects";
	return `a source \`type: java-agent\`, and the agent in this JVM: ${jvm.hint ?? "start it with -javaagent"}`;
}

function sameEnd(a: Endpoint, b: Endpoint): boolean {
	return a.address === b.address && a.port === b.port;
}
