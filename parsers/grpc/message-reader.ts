/** Protocol Buffers by a schema, as the JSON that their specification says (ProtoJSON), and nothing that was not on the wire. */
import { isUtf8 } from "node:buffer";
import type { StructuredValue } from "../../core/index.js";
import { asObject, TreeReader } from "./fields.js";
import type { FieldKind, ScalarKind } from "./schema.js";
import type { FieldShape, MessageShape, Shapes } from "./shapes.js";
import { asWellKnown, isWellKnown } from "./well-known.js";
import { finite, shortText, signedText, unsignedText, WireReader, WireType } from "./wire.js";

/** As other implementations have it. */
const MAX_DEPTH = 100;
/** Fields that the schema does not know, by number. No name in a schema has such a character. */
export const UNKNOWN = "$unknown";

type Values = Record<string, StructuredValue>;

/**
 * Null: the bytes are no such message, or one beyond the limits. Fields have their JSON names and come as they were on the
 * wire: what was left out is left out. 64-bit integers are text, enums their names, bytes base64; a text that is no UTF-8 is
 * `{ base64 }`. Fields and numbers of enums that the schema does not know stay: as `$unknown` and as numbers.
 */
export function readMessage(bytes: Uint8Array, shape: MessageShape, shapes: Shapes): StructuredValue | null {
	return new MessageReader(new WireReader(bytes), shapes).read(0, bytes.length, shape, 0, 0) ?? null;
}

class MessageReader {
	readonly #wire: WireReader;
	readonly #shapes: Shapes;
	#tree: TreeReader | null = null;

	constructor(wire: WireReader, shapes: Shapes) {
		this.#wire = wire;
		this.#shapes = shapes;
	}

	/** Undefined: it is none. `group`: the number of the field whose group it is, which ends it; 0: none. */
	read(from: number, to: number, shape: MessageShape, depth: number, group: number): StructuredValue | undefined {
		if (depth > MAX_DEPTH) return undefined;
		const values = this.#fields(from, to, shape, depth, group);
		if (values === undefined || !isWellKnown(shape.name)) return values;
		if (shape.name === ANY) return this.#any(values, depth);
		const converted = asWellKnown(shape.name, values);
		return converted === undefined ? values : converted;
	}

	#fields(from: number, to: number, shape: MessageShape, depth: number, group: number): Values | undefined {
		const wire = this.#wire;
		const values: Values = {};
		let unknown: Map<number, StructuredValue[]> | null = null;
		/** Messages that are not repeated and came so far, and where they are. */
		let once: Map<FieldShape, Uint8Array[]> | null = null;
		wire.at = from;
		for (;;) {
			if (wire.at >= to) {
				if (group !== 0) return undefined;
				break;
			}
			if (!wire.tag(to)) return undefined;
			if (wire.type === WireType.groupEnd) {
				if (group === 0 || wire.field !== group) return undefined;
				break;
			}
			const field = shape.fields.get(wire.field);
			if (field === undefined || !fits(field, wire.type)) {
				this.#tree ??= new TreeReader(wire);
				if (!this.#tree.add((unknown ??= new Map()), to, depth)) return undefined;
				continue;
			}
			for (const rival of field.rivals) if (rival in values) delete values[rival];
			if (field.kind === "message" && !field.isRepeated && field.key === null) {
				const end = wire.length(to);
				if (end < 0) return undefined;
				const piece = wire.bytes.subarray(wire.at, end);
				const pieces = once?.get(field);
				if (pieces === undefined) {
					(once ??= new Map()).set(field, [piece]);
					const value = this.read(wire.at, end, field.message!, depth + 1, 0);
					if (value === undefined) return undefined;
					values[field.name] = value;
				} else pieces.push(piece);
				wire.at = end;
			} else if (!this.#add(values, field, to, depth)) return undefined;
		}
		const at = wire.at;
		if (once !== null && !this.#join(values, once, depth)) return undefined;
		wire.at = at;
		if (unknown !== null) values[UNKNOWN] = asObject(unknown);
		return values;
	}

	/** A message that came in several pieces is all of them, one after the other. */
	#join(values: Values, once: ReadonlyMap<FieldShape, Uint8Array[]>, depth: number): boolean {
		for (const [field, pieces] of once) {
			if (pieces.length === 1 || !(field.name in values)) continue;
			const value = this.#apart(Buffer.concat(pieces), field.message!, depth + 1);
			if (value === undefined) return false;
			values[field.name] = value;
		}
		return true;
	}

	/** A message in bytes of its own; what is spent on it is spent on the whole. */
	#apart(bytes: Uint8Array, shape: MessageShape, depth: number): StructuredValue | undefined {
		const { budget } = this.#wire;
		budget.copiedBytes -= bytes.length;
		if (budget.copiedBytes < 0) return undefined;
		return new MessageReader(new WireReader(bytes, budget), this.#shapes).read(0, bytes.length, shape, depth, 0);
	}

	#add(values: Values, field: FieldShape, to: number, depth: number): boolean {
		const wire = this.#wire;
		if (field.key !== null) return this.#addEntry(values, field, field.key, to, depth);
		if (!field.isRepeated) {
			const value = this.#value(field, to, depth);
			if (value === undefined) return false;
			values[field.name] = value;
			return true;
		}
		const list = (values[field.name] ??= []) as StructuredValue[];
		if (wire.type === WireType.bytes && isNumber(field.kind)) {
			const end = wire.length(to);
			if (end < 0) return false;
			while (wire.at < end) {
				const value = this.#value(field, end, depth);
				if (value === undefined) return false;
				list.push(value);
			}
			return true;
		}
		const value = this.#value(field, to, depth);
		if (value === undefined) return false;
		list.push(value);
		return true;
	}

	/** Maps are lists of messages of a key and a value; the last one of a key counts. */
	#addEntry(values: Values, field: FieldShape, keyKind: ScalarKind, to: number, depth: number): boolean {
		const wire = this.#wire;
		const end = wire.length(to);
		if (end < 0) return false;
		let key: StructuredValue | undefined;
		let value: StructuredValue | undefined;
		while (wire.at < end) {
			if (!wire.tag(end)) return false;
			if (wire.field === 1 && wire.type === wireTypeOf(keyKind)) key = this.#scalar(keyKind, end);
			else if (wire.field === 2 && wire.type === wireTypeOf(field.kind)) value = this.#value(field, end, depth);
			else return false;
			if (wire.field === 1 ? key === undefined : value === undefined) return false;
		}
		key ??= defaultOf(keyKind);
		value ??= field.message === null ? enumOr(field, defaultOf(field.kind)) : {};
		const map = (values[field.name] ??= {}) as Values;
		// a key of the traffic's choice: `__proto__` is one like any other
		Object.defineProperty(map, typeof key === "object" ? JSON.stringify(key) : String(key), {
			value,
			configurable: true,
			enumerable: true,
			writable: true,
		});
		return true;
	}

	#value(field: FieldShape, to: number, depth: number): StructuredValue | undefined {
		const wire = this.#wire;
		switch (field.kind) {
			case "message": {
				const end = wire.length(to);
				if (end < 0) return undefined;
				const value = this.read(wire.at, end, field.message!, depth + 1, 0);
				wire.at = end;
				return value;
			}
			case "group":
				return this.read(wire.at, to, field.message!, depth + 1, wire.field);
			case "enum":
				return wire.varint(to) ? (field.values?.get(wire.low | 0) ?? wire.low | 0) : undefined;
			default:
				return this.#scalar(field.kind, to);
		}
	}

	#scalar(kind: ScalarKind, to: number): StructuredValue | undefined {
		const wire = this.#wire;
		const { bytes, at } = wire;
		switch (wireTypeOf(kind)) {
			case WireType.varint:
				return wire.varint(to) ? integer(kind, wire.low, wire.high) : undefined;
			case WireType.fixed32:
				if (!wire.fixed32(to)) return undefined;
				return kind === "float" ? finite(shortest(bytes.readFloatLE(at))) : integer(kind, wire.low, wire.high);
			case WireType.fixed64:
				if (!wire.fixed64(to)) return undefined;
				return kind === "double" ? finite(bytes.readDoubleLE(at)) : integer(kind, wire.low, wire.high);
			default: {
				const end = wire.length(to);
				if (end < 0) return undefined;
				const from = wire.at;
				wire.at = end;
				const short = kind === "string" ? shortText(bytes, from, end) : null;
				if (short !== null) return short;
				const view = bytes.subarray(from, end);
				if (kind === "bytes") return view.toString("base64");
				return isUtf8(view) ? view.toString("utf8") : { base64: view.toString("base64") };
			}
		}
	}

	/** What is in it, where its type is known. */
	#any(values: Values, depth: number): StructuredValue | undefined {
		const { typeUrl, value: packed = "", [UNKNOWN]: unknown } = values;
		if (typeof typeUrl !== "string" || typeof packed !== "string" || unknown !== undefined) return values;
		const name = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
		const shape = this.#shapes.ofMessage(name);
		if (shape === null) return values;
		const inner = this.#apart(Buffer.from(packed, "base64"), shape, depth + 1);
		if (inner === undefined) return values;
		const isPlain = typeof inner === "object" && !Array.isArray(inner) && inner !== null && !isWellKnown(name);
		return isPlain ? { "@type": typeUrl, ...inner } : { "@type": typeUrl, value: inner };
	}
}

function integer(kind: ScalarKind, low: number, high: number): StructuredValue {
	switch (kind) {
		case "int32":
		case "sfixed32":
			return low | 0;
		case "uint32":
		case "fixed32":
			return low;
		case "sint32":
			return (low >>> 1) ^ -(low & 1);
		case "bool":
			return (low | high) !== 0;
		case "uint64":
		case "fixed64":
			return unsignedText(low, high);
		case "sint64": {
			const sign = -(low & 1);
			return signedText((((low >>> 1) | (high << 31)) ^ sign) >>> 0, ((high >>> 1) ^ sign) >>> 0);
		}
		default:
			return signedText(low, high);
	}
}

/** The shortest number that is this one in four bytes: 0.1, and not 0.10000000149011612. */
function shortest(value: number): number {
	if (!Number.isFinite(value) || Number.isInteger(value)) return value;
	for (let digits = 6; digits < 9; digits++) {
		const shorter = Number(value.toPrecision(digits));
		if (Math.fround(shorter) === value) return shorter;
	}
	return value;
}

function wireTypeOf(kind: FieldKind): number {
	switch (kind) {
		case "double":
		case "fixed64":
		case "sfixed64":
			return WireType.fixed64;
		case "float":
		case "fixed32":
		case "sfixed32":
			return WireType.fixed32;
		case "string":
		case "bytes":
		case "message":
			return WireType.bytes;
		case "group":
			return WireType.groupStart;
		default:
			return WireType.varint;
	}
}

function isNumber(kind: FieldKind): boolean {
	const type = wireTypeOf(kind);
	return type !== WireType.bytes && type !== WireType.groupStart;
}

/** Of another type on the wire it is a field that the schema does not know. Lists of numbers come in both forms. */
function fits({ kind, key, isRepeated }: FieldShape, type: number): boolean {
	if (key !== null) return type === WireType.bytes;
	return type === wireTypeOf(kind) || (isRepeated && type === WireType.bytes && isNumber(kind));
}

function defaultOf(kind: FieldKind): StructuredValue {
	if (kind === "string" || kind === "bytes") return "";
	if (kind === "bool") return false;
	return /64$/.test(kind) ? "0" : 0;
}

function enumOr({ values }: FieldShape, value: StructuredValue): StructuredValue {
	return values?.get(0) ?? value;
}

const ANY = "google.protobuf.Any";
