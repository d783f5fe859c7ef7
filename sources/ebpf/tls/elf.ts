import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const EI_CLASS_64 = 2;
const EI_DATA_LITTLE = 1;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const PT_LOAD = 1;
const PF_X = 1;
const SYMBOL_BYTES = 24;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const MAX_NAME_BYTES = 128;
/** Tables of real programs stay below this; a larger one is not read. */
const MAX_TABLE_BYTES = 256 << 20;

export interface Section {
	readonly name: string;
	readonly type: number;
	readonly address: number;
	readonly offset: number;
	readonly size: number;
	readonly link: number;
}

interface Segment {
	readonly offset: number;
	readonly address: number;
	readonly size: number;
}

/**
 * A 64-bit little-endian ELF file (ELF-64 Object File Format, version 1.5), as far as probes need it. Every method throws
 * where the file is damaged, or no such file.
 */
export class ElfFile {
	readonly sections: readonly Section[];
	readonly #segments: readonly Segment[];
	readonly #fd: number;
	readonly #size: number;

	constructor(path: string) {
		this.#fd = openSync(path, "r");
		try {
			this.#size = fstatSync(this.#fd).size;
			const head = this.read(0, 64);
			if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== EI_CLASS_64 || head[5] !== EI_DATA_LITTLE)
				throw new Error("not a 64-bit little-endian ELF file");
			this.#segments = this.#readSegments(head);
			this.sections = this.#readSections(head);
		} catch (error) {
			this.close();
			throw error;
		}
	}

	close(): void {
		closeSync(this.#fd);
	}

	section(name: string): Section | null {
		return this.sections.find((each) => each.name === name) ?? null;
	}

	/**
	 * Where the functions begin that have one of these names, as offsets in the file: what a uprobe wants. What the file
	 * exports says it all; its other table is for those that export nothing of it. Empty without any of the `signs`.
	 */
	functions(names: ReadonlySet<string>, signs: readonly string[]): Map<string, number> {
		const found = new Map<string, number>();
		for (const type of [SHT_DYNSYM, SHT_SYMTAB])
			for (const section of this.sections)
				if (section.type === type && found.size === 0) this.#collect(section, names, signs, found);
		return found;
	}

	/** Offset in the file of code at this address, or null. */
	fileOffset(address: number): number | null {
		for (const segment of this.#segments)
			if (address >= segment.address && address < segment.address + segment.size)
				return address - segment.address + segment.offset;
		return null;
	}

	read(offset: number, length: number): Buffer {
		if (length > MAX_TABLE_BYTES || offset + length > this.#size) throw new Error("a table outside of the file");
		const bytes = Buffer.alloc(length);
		if (readSync(this.#fd, bytes, 0, length, offset) !== length) throw new Error("a short file");
		return bytes;
	}

	content(section: Section): Buffer {
		return section.type === SHT_NOBITS ? Buffer.alloc(0) : this.read(section.offset, section.size);
	}

	#collect(section: Section, names: ReadonlySet<string>, signs: readonly string[], found: Map<string, number>): void {
		const strings = this.sections[section.link];
		if (strings === undefined) return;
		const text = this.content(strings);
		// most programs end here: walking a large table takes a quarter of a second
		if (!signs.some((sign) => text.includes(`\0${sign}\0`, 0, "latin1"))) return;
		const symbols = this.content(section);
		for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES) {
			const type = symbols[at + 4]! & 15;
			if (type !== STT_FUNC && type !== STT_GNU_IFUNC) continue;
			const address = number(symbols, at + 8);
			if (address === 0) continue;
			const from = symbols.readUInt32LE(at);
			const end = text.indexOf(0, from);
			if (end < 0 || end - from > MAX_NAME_BYTES) continue;
			const name = text.toString("latin1", from, end);
			if (!names.has(name) || found.has(name)) continue;
			const place = this.fileOffset(address);
			if (place !== null) found.set(name, place);
		}
	}

	#readSegments(head: Buffer): Segment[] {
		const width = head.readUInt16LE(54);
		const programs = this.read(number(head, 32), width * head.readUInt16LE(56));
		const segments: Segment[] = [];
		for (let at = 0; width >= 56 && at < programs.length; at += width) {
			if (programs.readUInt32LE(at) !== PT_LOAD || (programs.readUInt32LE(at + 4) & PF_X) === 0) continue;
			segments.push({
				offset: number(programs, at + 8),
				address: number(programs, at + 16),
				size: number(programs, at + 32),
			});
		}
		return segments;
	}

	#readSections(head: Buffer): Section[] {
		const width = head.readUInt16LE(58);
		const table = this.read(number(head, 40), width * head.readUInt16LE(60));
		const namesAt = head.readUInt16LE(62) * width;
		const names =
			width >= 64 && namesAt + width <= table.length
				? this.read(number(table, namesAt + 24), number(table, namesAt + 32))
				: Buffer.alloc(0);
		const sections: Section[] = [];
		for (let at = 0; width >= 64 && at < table.length; at += width) {
			const from = table.readUInt32LE(at);
			const end = names.indexOf(0, from);
			sections.push({
				name: end < 0 ? "" : names.toString("latin1", from, end),
				type: table.readUInt32LE(at + 4),
				address: number(table, at + 16),
				offset: number(table, at + 24),
				size: number(table, at + 32),
				link: table.readUInt32LE(at + 40),
			});
		}
		return sections;
	}
}

function number(bytes: Buffer, at: number): number {
	return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
