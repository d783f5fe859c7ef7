import type { JvmStatus } from "../../../sources/java-agent/attach/status.js";
import type { Endpoint } from "../../events.js";
import type { ConnectionDiagnosis } from "./connections.js";
import type { ProcessReport } from "./process-report.js";

/** The report for people. */
export function processText({ pid, ports, watchedMs, processes, connections, warnings }: ProcessReport): string {
	const what = [pid === null ? "" : `process ${pid}`, ports.length === 0 ? "" : `ports ${ports.join(", ")}`];
	const lines = [
		`${what.filter((each) => each !== "").join(", ")}, watched for ${(watchedMs / 1000).toFixed(1)} s`,
		"",
	];
	for (const { pid: each, name, libraries, whyNot, jvm } of processes) {
		const found = libraries.map(({ path, library }) => `${library} (${path})`).join(", ");
		lines.push(`process ${each} ${name}`, `  TLS: ${whyNot ?? found}`);
		if (jvm !== null) lines.push(`  JVM: ${jvmText(jvm)}`);
	}
	const isConnection = ({ state }: ConnectionDiagnosis): boolean => state !== "listening" && state !== "unconnected";
	const idle = connections.filter((each) => !isConnection(each));
	if (idle.length > 0) lines.push("", "listens or waits");
	for (const { transport, state, local, pid: owner, fd, changes } of idle)
		lines.push(
			`  ${transport} ${endText(local)}  ${state}, fd ${fd} of ${owner}`,
			...changes.map((change) => `    change: ${change}`),
		);
	const active = connections.filter(isConnection);
	lines.push("", active.length === 0 ? "no connections" : `${active.length} connections`);
	for (const each of active) lines.push(...connectionLines(each));
	for (const warning of warnings) lines.push("", `warning: ${warning}`);
	return `${lines.join("\n")}\n`;
}

function jvmText({ runtime, hasAgent, refusal, hint }: JvmStatus): string {
	const what = runtime ?? "";
	if (hasAgent) return [what, "the agent is in it"].filter((each) => each !== "").join(", ");
	const why = refusal === null ? "no agent" : `no agent, and it cannot be attached to (${refusal})`;
	return [what, hint === null ? why : `${why}: ${hint}`].filter((each) => each !== "").join(", ");
}

function connectionLines(each: ConnectionDiagnosis): string[] {
	const { transport, state, role, local, remote, bytes, exchanges, protocol, undecided, tls, isTargeted, changes } =
		each;
	const arrow = role === "client" ? "->" : role === "server" ? "<-" : "--";
	const lost = Object.entries(bytes.lost).map(([cause, count]) => `${cause} ${count}`);
	const lines = [
		`  ${transport} ${endText(local)} ${arrow} ${remote === null ? "?" : endText(remote)}  ${state}${each.pid === null ? "" : `, process ${each.pid}`}`,
		`    bytes: seen ${bytes.seen}, captured ${bytes.captured}, lost ${lost.length === 0 ? "0" : lost.join(", ")}`,
		`    protocol: ${protocol ?? "undecided"}${undecided === null ? `, ${exchanges} exchanges` : ` (${undecided})`}`,
	];
	if (tls !== null) lines.push(`    TLS: ${tls.library ?? `plaintext not seen: ${tls.whyNot}`}`);
	if (isTargeted !== null) lines.push(`    the config ${isTargeted ? "captures it" : "does not capture it"}`);
	for (const change of changes) lines.push(`    change: ${change}`);
	return lines;
}

function endText({ address, port }: Endpoint): string {
	if (port === 0) return address === "" ? "(unnamed)" : address;
	return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
