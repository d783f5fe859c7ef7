import type { EbpfOptions } from "./options.js";
import * as layout from "./record-layout.js";

/** The rules as `struct targets`. `isWalking`: Unix sockets are being looked for, none of them is taken yet. */
export function targetsBytes(rules: EbpfOptions["targets"], generation: number, isWalking = false): Uint8Array {
	const bytes = new Uint8Array(layout.TARGETS_BYTES);
	const out = new DataView(bytes.buffer);
	out.setUint32(layout.TARGETS_GENERATION, generation, true);
	out.setUint32(layout.TARGETS_RULE_COUNT, rules.length, true);
	const unixRules = rules.filter(({ unix }) => unix !== undefined).length;
	out.setUint32(layout.TARGETS_UNIX_RULES, unixRules > 0 && isWalking ? layout.UNIX_WALKING : unixRules, true);
	out.setUint32(layout.TARGETS_UDP_RULES, rules.filter(({ udp }) => udp !== undefined).length, true);
	const portsOnly = rules.every(({ pids, name }) => pids === undefined && name === undefined);
	out.setUint32(layout.TARGETS_PORTS_ONLY, portsOnly ? 1 : 0, true);
	rules.forEach(({ udp, ports = udp ?? [], pids = [], name, exclude, unix }, index) => {
		const at = layout.TARGETS_RULES + index * layout.RULE_BYTES;
		out.setUint32(at + layout.RULE_PORT_COUNT, ports.length, true);
		out.setUint32(at + layout.RULE_PID_COUNT, pids.length, true);
		out.setUint32(at + layout.RULE_HAS_COMM, name === undefined ? 0 : 1, true);
		out.setUint32(at + layout.RULE_EXCLUDE, exclude ? 1 : 0, true);
		for (const [i, port] of ports.entries()) out.setUint16(at + layout.RULE_PORTS + 2 * i, port, true);
		for (const [i, pid] of pids.entries()) out.setUint32(at + layout.RULE_PIDS + 4 * i, pid, true);
		out.setUint32(at + layout.RULE_IS_UDP, udp === undefined ? 0 : 1, true);
		if (name !== undefined) bytes.set(Buffer.from(name), at + layout.RULE_COMM);
		if (unix === undefined) return;
		out.setUint32(at + layout.RULE_IS_UNIX, 1, true);
		if (unix.includes(ANY_PATH)) return;
		out.setUint32(at + layout.RULE_PATH_COUNT, unix.length, true);
		for (const [i, path] of unix.entries()) out.setBigUint64(at + layout.RULE_PATHS + 8 * i, pathHash(path), true);
	});
	return bytes;
}

/** Whatever has a name. */
const ANY_PATH = "*";

/** FNV-1a, as the kernel side has it; two paths with one hash would be taken for each other, which nobody will live to see. */
export function pathHash(path: string): bigint {
	const name = path.startsWith("@") ? `\0${path.slice(1)}` : path;
	let hash = 0xcbf29ce484222325n;
	for (const byte of Buffer.from(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
	return hash;
}
