/** The compiled programs' stacks, by the rule of the oldest kernel: what loads on the one that runs here may be refused there. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";

/** Of all frames of a chain of calls, each rounded up: Linux before 6.8 to 32 bytes, later to 16. */
const MOST_BYTES = 512;
const ROUNDED_TO = 32;

const CALL = /^85 10 00 00 (..) (..) (..) (..)/;
const LOAD = /^18 .. 00 00 (..) (..) (..) (..)/;

interface Frame {
	bytes: number;
	readonly calls: Set<string>;
}

/** Each function's frame, and whom it calls or hands to `bpf_loop`. */
function framesIn(listing: string): Map<string, Frame> {
	const frames = new Map<string, Frame>();
	/** Section and address of its beginning: functions of this file are called by that. */
	const at = new Map<string, string>();
	const pending: (() => void)[] = [];
	let section = "";
	let frame: Frame | null = null;
	let target: { address: number; isCall: boolean } | null = null;
	const call = (from: Frame, where: string) =>
		pending.push(() => from.calls.add(at.get(where) ?? `nothing at ${where}`));
	const number = (match: RegExpExecArray) => Buffer.from(match.slice(1, 5).join(""), "hex").readInt32LE(0);
	for (const line of listing.split("\n")) {
		const header = /^Disassembly of section (\S+):$/.exec(line);
		if (header !== null) section = header[1]!;
		const name = /^([0-9a-f]{16}) <(\w+)>:$/.exec(line);
		if (name !== null && !name[2]!.startsWith("LBB")) {
			frames.set(name[2]!, (frame = { bytes: 0, calls: new Set() }));
			at.set(`${section} ${Number.parseInt(name[1]!, 16)}`, name[2]!);
			target = null;
		}
		if (frame === null) continue;
		const relocation = /R_BPF_64_(?:32|64)\s+(\S+)/.exec(line);
		if (relocation !== null) {
			const symbol = relocation[1]!;
			if (symbol === ".text" && target !== null) call(frame, `.text ${target.address}`);
			else if (target?.isCall === true) frame.calls.add(symbol);
			target = null;
			continue;
		}
		// without a relocation it is a call within the section
		if (target?.isCall === true) call(frame, `${section} ${target.address}`);
		target = null;
		const instruction = /^\s*(\d+):\s+((?:[0-9a-f]{2}\s)+)?\s*(.*)$/.exec(line);
		if (instruction === null) continue;
		const [, index, raw, text] = instruction;
		for (const [, depth] of text!.matchAll(/r10 - (0x[0-9a-f]+|\d+)/g))
			frame.bytes = Math.max(frame.bytes, Number(depth));
		const below = /^r\d+ \+= -(0x[0-9a-f]+|\d+)$/.exec(text!);
		if (below !== null && Number(below[1]) <= MOST_BYTES) frame.bytes = Math.max(frame.bytes, Number(below[1]));
		const called = CALL.exec(raw ?? "");
		const loaded = LOAD.exec(raw ?? "");
		if (called !== null) {
			// relative to the next one; with a relocation, to the section's beginning
			const relative = number(called) + 1;
			target = { address: relative * 8, isCall: true };
			const next = (Number(index) + relative) * 8;
			if (relative !== 0) target.address = section === ".text" ? next : target.address;
		} else if (loaded !== null) target = { address: number(loaded), isCall: false };
	}
	for (const each of pending) each();
	return frames;
}

function deepest(frames: Map<string, Frame>, name: string): { bytes: number; chain: readonly string[] } {
	const { bytes, calls } = frames.get(name)!;
	const own = Math.ceil(Math.max(bytes, 1) / ROUNDED_TO) * ROUNDED_TO;
	let below: { bytes: number; chain: readonly string[] } = { bytes: 0, chain: [] };
	for (const called of calls) {
		if (!frames.has(called)) throw new Error(`${name} calls ${called}`);
		const found = deepest(frames, called);
		if (found.bytes > below.bytes) below = found;
	}
	return { bytes: own + below.bytes, chain: [`${name} ${bytes}`, ...below.chain] };
}

function disassembled(object: string): string | null {
	if (!existsSync(object)) return null;
	try {
		return execFileSync("llvm-objdump", ["-d", "-r", object], { encoding: "utf8", maxBuffer: 1 << 28 });
	} catch {
		return null;
	}
}

for (const architecture of ["x64", "arm64"]) {
	const listing = disassembled(fileURLToPath(new URL(`../../../bpf/polytap.${architecture}.bpf.o`, import.meta.url)));
	if (listing === null)
		console.error(`SKIPPED, stacks of BPF programs for ${architecture}: there is no llvm-objdump, or no BPF object`);

	(listing === null ? test.skip : test)(
		`${architecture}: no chain of calls needs more stack than the oldest kernel gives`,
		(t) => {
			const frames = framesIn(listing!);
			t.true(frames.get("on_recv")!.calls.has("copy_piece"));
			t.true(frames.get("on_recv")!.calls.has("look_for_tls"));
			t.true(frames.get("on_recv")!.calls.has("next_piece"));
			t.true(frames.get("look_for_tls")!.calls.has("next_record"));
			for (const name of frames.keys()) {
				const { bytes, chain } = deepest(frames, name);
				t.true(bytes <= MOST_BYTES, `${chain.join(" > ")}: ${bytes} bytes`);
			}
		},
	);
}
