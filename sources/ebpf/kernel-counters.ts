import { libbpf } from "./libbpf.js";
import * as layout from "./record-layout.js";

/** Counters of the kernel side, in the order of `struct counters`. */
const NAMES = [
	"ring_full_records",
	"ring_full_bytes",
	"control_ring_full_records",
	"gap_bytes",
	"wire_records",
	"wire_bytes",
	"test_fault_records",
	"tls_sessions_joined",
	"tls_unjoined_bytes",
	"tls_bytes",
	"tls_hidden_bytes",
	"tls_calls_missed",
	"wire_repeated_bytes",
	"ignored_bytes",
	"limited_bytes",
	"sampled_bytes",
	"sampled_connections",
	"closes_lost",
	"covered_bytes",
	"tls_joins_refuted",
	"memory_refused",
	"memory_refused_bytes",
	"states_missed",
	"datagrams",
	"datagram_bytes",
] as const;

/** What the BPF programs have counted so far, all processors together. Empty where the map cannot be read. */
export function kernelCounters(fd: number): Record<string, number> {
	const totals: Record<string, number> = {};
	const bpf = libbpf();
	const cpus = bpf.possibleCpus();
	const values = new Uint8Array(cpus * layout.COUNTERS_BYTES);
	if (bpf.lookup(fd, new Uint8Array(4), values) !== 0) return totals;
	const cells = new BigUint64Array(values.buffer);
	const width = layout.COUNTERS_BYTES / 8;
	NAMES.forEach((name, index) => {
		let sum = 0;
		for (let cpu = 0; cpu < cpus; cpu++) sum += Number(cells[cpu * width + index]);
		totals[name] = sum;
	});
	return totals;
}
