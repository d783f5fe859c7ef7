import type { MessageHead } from "../../core/index.js";
import { charsetOf } from "./charsets.js";
import { readingOf, typeName } from "./column-types.js";
import { Cursor } from "./cursor.js";

/** A column of a result. */
export interface Column {
	/** As it is called in a row: names that come twice get a number. */
	readonly name: string;
	readonly schema: string;
	readonly table: string;
	readonly type: number;
	/** `int unsigned`; MariaDB's extended name where there is one: `uuid`. */
	readonly typeName: string;
	readonly flags: number;
	readonly charset: string | null;
	readonly decimals: number;
	/** One of the ways of `column-types.ts`. */
	readonly reading: number;
}

const FIXED_BYTES = 0x0c;

/** Column definition (protocol 4.1), with or without MariaDB's extended metadata. Null: it is none. */
export function readColumn(bytes: Buffer, from: number, to: number): Column | null {
	const cursor = new Cursor(bytes, from, to);
	if (cursor.lenencText() !== "def") return null;
	const schema = cursor.lenencText();
	const table = cursor.lenencText();
	cursor.skipLenenc();
	const name = cursor.lenencText();
	cursor.skipLenenc();
	let extended: string | null = null;
	if (cursor.left !== FIXED_BYTES + 1 && cursor.bytes[cursor.at] !== FIXED_BYTES) extended = readExtended(cursor);
	else if (cursor.left > FIXED_BYTES + 1 && !endsWithDefault(cursor)) extended = readExtended(cursor);
	if (cursor.u8() !== FIXED_BYTES) return null;
	const collation = cursor.u16();
	cursor.skip(4);
	const type = cursor.u8();
	const flags = cursor.u16();
	const decimals = cursor.u8();
	cursor.skip(2);
	if (cursor.isBad) return null;
	const charset = charsetOf(collation);
	const isText = charset !== "binary";
	return {
		name,
		schema,
		table,
		type,
		typeName: extended ?? typeName(type, flags, isText),
		flags,
		charset,
		decimals,
		reading: extended === "json" ? readingOf(type, charset ?? "utf8") : readingOf(type, charset),
	};
}

/** After the fixed part a column of COM_FIELD_LIST has its default value, and nothing else. */
function endsWithDefault({ bytes, at, end }: Cursor): boolean {
	const rest = new Cursor(bytes, at + 1 + FIXED_BYTES, end);
	const length = rest.lenenc();
	if (length > 0) rest.take(length);
	return rest.isDone;
}

/** MariaDB: a list of (kind, text). 0: the name of the type, 1: its format (`json`). */
function readExtended(cursor: Cursor): string | null {
	const length = cursor.lenenc();
	const from = cursor.take(length);
	if (from < 0) return null;
	const list = new Cursor(cursor.bytes, from, from + length);
	let name: string | null = null;
	while (list.left > 0 && !list.isBad) {
		list.u8();
		name = list.lenencText();
	}
	return list.isBad || name === "" ? null : name;
}

/** The columns of a result, and what is derived from them. */
export class ColumnSet {
	readonly columns: readonly Column[];
	/** Names as they are told in attributes. */
	readonly names: readonly string[];
	readonly types: readonly string[];
	/** A name that plain objects treat in a way of their own. */
	readonly hasProto: boolean;
	/** The last head made for a result of this shape. */
	lastHead: MessageHead | null = null;
	lastHeadKey = "";
	readonly #next = new Map<string, ColumnSet>();
	/** The one that followed last, and its definition's bytes. */
	#likely: ColumnSet | null = null;
	readonly #definition: Buffer;

	constructor(columns: readonly Column[], definition: Buffer) {
		this.columns = columns;
		this.names = columns.map(({ name }) => name);
		this.types = columns.map(({ typeName }) => typeName);
		this.hasProto = this.names.includes("__proto__");
		this.#definition = definition;
	}

	/** The set of these columns and one more. Null: those bytes are no column. */
	with(bytes: Buffer, from: number, to: number, memory: ColumnMemory): ColumnSet | null {
		const likely = this.#likely;
		if (likely?.isDefinedBy(bytes, from, to)) return likely;
		const key = bytes.toString("latin1", from, to);
		let next = this.#next.get(key) ?? null;
		if (next === null) {
			const column = readColumn(bytes, from, to);
			if (column === null) return null;
			const name = unique(column.name, this.names);
			next = new ColumnSet([...this.columns, { ...column, name }], Buffer.from(bytes.subarray(from, to)));
			if (memory.add(to - from + this.columns.length * 16)) this.#next.set(key, next);
		}
		this.#likely = next;
		return next;
	}

	isDefinedBy(bytes: Buffer, from: number, to: number): boolean {
		const definition = this.#definition;
		if (definition.length !== to - from) return false;
		for (let i = 0; i < definition.length; i++) if (definition[i] !== bytes[from + i]) return false;
		return true;
	}
}

/** `id`, then `id_2`, as often as a name comes again. */
function unique(name: string, taken: readonly string[]): string {
	if (!taken.includes(name)) return name;
	for (let i = 2; ; i++) if (!taken.includes(`${name}_${i}`)) return `${name}_${i}`;
}

const MAX_REMEMBERED_BYTES = 8 << 20;

/** Results that look alike share their columns, whichever connection they came on. */
export class ColumnMemory {
	/** The set without columns, from which all others are reached. */
	root = new ColumnSet([], Buffer.alloc(0));
	#bytes = 0;

	/** False: it is full, and begins anew with the next result. */
	add(bytes: number): boolean {
		this.#bytes += bytes + 256;
		return this.#bytes <= MAX_REMEMBERED_BYTES;
	}

	start(): ColumnSet {
		if (this.#bytes > MAX_REMEMBERED_BYTES) {
			this.root = new ColumnSet([], Buffer.alloc(0));
			this.#bytes = 0;
		}
		return this.root;
	}
}
