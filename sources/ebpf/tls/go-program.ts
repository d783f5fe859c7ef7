import type { ElfFile, Section } from "./elf.js";

/** A function of a Go program: offsets in the file of its first instruction and of each that returns from it. */
export interface GoFunction {
	readonly entry: number;
	readonly returns: readonly number[];
}

/** The tables that Go's linker leaves in every program, stripped or not (`runtime.pcHeader`), by their first word. */
const MAGIC_1_16 = 0xffff_fffa;
const MAGIC_1_18 = 0xffff_fff0;
const MAGIC_1_20 = 0xffff_fff1;
const SECTIONS = [".gopclntab", ".data.rel.ro.gopclntab", ".data.rel.ro"];
/** In every Go program since 1.13. */
const BUILD_INFO = ".go.buildinfo";
const X86_RET = 0xc3;
const ARM64_RET = 0xd65f_03c0;
/** Longer tables of one function do not occur. */
const MAX_STEPS = 65_536;
/** Go's code begins this far behind the beginning of `.text` at the most, and at such a multiple. */
const MAX_SHIFT = 1 << 18;
const TEXT_ALIGNMENT = 16;
const EM_AARCH64 = 183;
const MACHINE_AT = 18;

interface Table {
	readonly bytes: Buffer;
	readonly quantum: number;
	readonly count: number;
	readonly textStart: number;
	readonly names: number;
	readonly pcs: number;
	readonly functions: number;
	/** Where `.text` begins, and no address of Go's own code is written down (Go 1.26): a C library's may come first. */
	readonly isGuessed: boolean;
	/** Before Go 1.18 addresses were whole. */
	readonly isOld: boolean;
}

/**
 * Functions of a Go program by name. Empty where it is none, or older than Go 1.17, whose functions take their arguments
 * otherwise. Where a function returns follows from its table of stack depths: behind its prologue the depth is zero only at
 * an instruction that returns, so no instruction need be decoded.
 */
export function goFunctions(file: ElfFile, names: readonly string[]): Map<string, GoFunction> {
	const table = findTable(file);
	if (table === null) return new Map();
	const isArm = file.read(MACHINE_AT, 2).readUInt16LE(0) === EM_AARCH64;
	const byOffset = new Map<number, string>();
	for (const name of names) {
		const at = table.bytes.indexOf(`\0${name}\0`, table.names, "latin1");
		if (at >= 0) byOffset.set(at + 1 - table.names, name);
	}
	const functions = functionsOf(table, byOffset);
	if (functions.length === 0) return new Map();
	for (let shift = 0; shift < (table.isGuessed ? MAX_SHIFT : 1); shift += TEXT_ALIGNMENT) {
		const found = placesOf(file, functions, shift, isArm);
		if (found !== null) return found;
	}
	return new Map();
}

interface Described {
	readonly name: string;
	readonly address: number;
	/** Addresses at which it returns, as far as its table tells. */
	readonly returns: readonly number[];
}

function functionsOf(table: Table, byOffset: ReadonlyMap<number, string>): Described[] {
	const found: Described[] = [];
	const { bytes, functions, isOld } = table;
	const width = isOld ? 16 : 8;
	for (let i = 0; i < table.count && found.length < byOffset.size; i++) {
		const at = functions + i * width;
		const info = functions + (isOld ? u64(bytes, at + 8) : bytes.readUInt32LE(at + 4));
		const nameAt = bytes.readInt32LE(info + (isOld ? 8 : 4));
		const name = byOffset.get(nameAt);
		if (name === undefined) continue;
		const address = isOld ? u64(bytes, at) : table.textStart + bytes.readUInt32LE(at);
		const depths = bytes.readUInt32LE(info + (isOld ? 20 : 16));
		found.push({ name, address, returns: returnsOf(table, depths, address) });
	}
	return found;
}

/** Null: an instruction that should return does something else, so this is not where the code lies. */
function placesOf(
	file: ElfFile,
	functions: readonly Described[],
	shift: number,
	isArm: boolean,
): Map<string, GoFunction> | null {
	const found = new Map<string, GoFunction>();
	for (const { name, address, returns } of functions) {
		const entry = file.fileOffset(address + shift);
		const offsets = returns.map((at) => file.fileOffset(at + shift) ?? -1);
		// a function may end with the call that grows its stack, which comes before any frame
		const last = offsets.at(-1) ?? -1;
		if (last < 0 || !isReturn(file, last, isArm)) offsets.pop();
		if (entry === null || offsets.length === 0) return null;
		if (!offsets.every((at) => at >= 0 && isReturn(file, at, isArm))) return null;
		found.set(name, { entry, returns: offsets });
	}
	return found;
}

function findTable(file: ElfFile): Table | null {
	if (file.section(BUILD_INFO) === null && file.section(SECTIONS[0]!) === null) return null;
	for (const name of SECTIONS) {
		const section = file.section(name);
		if (section === null) continue;
		const table = tableIn(file, section);
		if (table !== null) return table;
	}
	return null;
}

function tableIn(file: ElfFile, section: Section): Table | null {
	const content = file.content(section);
	for (const magic of [MAGIC_1_20, MAGIC_1_18, MAGIC_1_16]) {
		const sign = Buffer.alloc(6);
		sign.writeUInt32LE(magic, 0);
		for (let at = content.indexOf(sign); at >= 0; at = content.indexOf(sign, at + 1)) {
			if (at % 8 !== 0 || content[at + 7] !== 8) continue;
			const quantum = content[at + 6]!;
			if (quantum !== 1 && quantum !== 4) continue;
			const bytes = content.subarray(at);
			const isOld = magic === MAGIC_1_16;
			const word = (index: number): number => u64(bytes, 8 + index * 8);
			const first = isOld ? 2 : 3;
			const text = file.section(".text")?.address ?? 0;
			return {
				bytes,
				quantum,
				count: word(0),
				textStart: isOld ? 0 : word(2) || text,
				isGuessed: !isOld && word(2) === 0,
				names: word(first),
				pcs: word(first + 3),
				functions: word(first + 4),
				isOld,
			};
		}
	}
	return null;
}

/** Addresses behind the prologue at which the stack is as deep as it was when the function was entered. */
function returnsOf({ bytes, pcs, quantum }: Table, depths: number, entry: number): number[] {
	const found: number[] = [];
	let at = pcs + depths;
	let depth = -1;
	let pc = entry;
	let hasFrame = false;
	for (let step = 0; step < MAX_STEPS; step++) {
		const change = varint(bytes, at);
		at = change.next;
		if (change.value === 0 && step > 0) break;
		depth += change.value & 1 ? -(change.value >>> 1) - 1 : change.value >>> 1;
		const length = varint(bytes, at);
		at = length.next;
		if (depth === 0 && hasFrame) found.push(pc);
		if (depth > 0) hasFrame = true;
		pc += length.value * quantum;
	}
	return found;
}

function isReturn(file: ElfFile, at: number, isArm: boolean): boolean {
	if (isArm) return file.read(at, 4).readUInt32LE(0) === ARM64_RET;
	return file.read(at, 1)[0] === X86_RET;
}

function varint(bytes: Buffer, from: number): { value: number; next: number } {
	let value = 0;
	let shift = 0;
	for (let at = from; ; at++) {
		const byte = bytes[at];
		if (byte === undefined || shift > 28) throw new Error("a damaged table");
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) return { value: value >>> 0, next: at + 1 };
		shift += 7;
	}
}

function u64(bytes: Buffer, at: number): number {
	return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
