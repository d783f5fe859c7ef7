import type { EbpfOptions } from "./options.js";
import * as layout from "./record-layout.js";

/** The rules as `struct targets`. */
export function targetsBytes(rules: EbpfOptions["targets"], generation: number): Uint8Array {
	const bytes = new Uint8Array(layout.TARGETS_BYTES);
	const out = new DataView(bytes.buffer);
	out.setUint32(layout.TARGETS_GENERATION, generation, true);
	out.setUint32(layout.TARGETS_RULE_COUNT, rules.length, true);
	const portsOnly = rules.every(({ pids, name }) => pids === undefined && name === undefined);
	out.setUint32(layout.TARGETS_PORTS_ONLY, portsOnly ? 1 : 0, true);
	rules.forEach(({ ports = [], pids = [], name, exclude }, index) => {
		const at = layout.TARGETS_RULES + index * layout.RULE_BYTES;
		out.setUint32(at + layout.RULE_PORT_COUNT, ports.length, true);
		out.setUint32(at + layout.RULE_PID_COUNT, pids.length, true);
		out.setUint32(at + layout.RULE_HAS_COMM, name === undefined ? 0 : 1, true);
		out.setUint32(at + layout.RULE_EXCLUDE, exclude ? 1 : 0, true);
		for (const [i, port] of ports.entries()) out.setUint16(at + layout.RULE_PORTS + 2 * i, port, true);
		for (const [i, pid] of pids.entries()) out.setUint32(at + layout.RULE_PIDS + 4 * i, pid, true);
		if (name !== undefined) bytes.set(Buffer.from(name), at + layout.RULE_COMM);
	});
	return bytes;
}
