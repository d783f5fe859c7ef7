/** `polytap doctor`: what this kernel and this user can do, which mode is chosen, and the exact fix for what is missing. */
import { type EbpfReport, probe } from "../../../sources/ebpf/probe.js";
import { type ProcessQuestion, reportProcess } from "../doctor/process-report.js";
import { processText } from "../doctor/process-text.js";

export interface Diagnosis {
	readonly text: string;
	/** 0, or 3 where nothing can be captured live. */
	readonly exitCode: number;
}

export async function doctor(json: boolean): Promise<Diagnosis> {
	const ebpf = await probe();
	const report = { node: process.version, platform: `${process.platform} ${process.arch}`, ebpf };
	const text = json ? `${JSON.stringify(report, null, "\t")}\n` : readable(report);
	return { text, exitCode: ebpf.mode === null ? 3 : 0 };
}

/** Why each connection of a process, or of some ports, is or is not captured. Rejects where nothing can be captured. */
export async function doctorProcess(question: ProcessQuestion, json: boolean, stop: AbortSignal): Promise<string> {
	const report = await reportProcess(question, stop);
	return json ? `${JSON.stringify(report, null, "\t")}\n` : processText(report);
}

function readable({ node, platform, ebpf }: { node: string; platform: string; ebpf: EbpfReport }): string {
	const lines = [`Node.js ${node} on ${platform}`, "", "eBPF"];
	const width = Math.max(...ebpf.checks.map(({ name }) => name.length));
	for (const { name, ok, detail, fix } of ebpf.checks) {
		lines.push(`  ${ok ? "ok  " : "FAIL"} ${name.padEnd(width)}  ${detail}`);
		if (!ok && fix !== null) lines.push(`       ${" ".repeat(width)}  fix: ${fix}`);
	}
	lines.push("", `mode: ${ebpf.mode ?? "none"} (${ebpf.reason})`);
	if (ebpf.mode !== null)
		lines.push(
			`sends without a user buffer: ${ebpf.wire === null ? "named gaps" : "filled from packets (cgroup-skb)"}`,
			`plaintext above TLS: ${ebpf.tls === null ? "none, connections are one record each" : `captured without certificates (${ebpf.tls}), unless the source has tls: off`}`,
		);
	return `${lines.join("\n")}\n`;
}
