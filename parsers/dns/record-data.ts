import { typeName } from "./names.js";
import { MessageReader, textOf } from "./reader.js";

type Decoder = (reader: MessageReader) => string;

const name: Decoder = (reader) => reader.name();
const strings: Decoder = (reader) => {
	const texts: string[] = [];
	while (reader.at < reader.to && !reader.isBad) texts.push(JSON.stringify(textOf(reader.take(reader.u8()))));
	return texts.join(" ");
};
const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/[-T:]|\.000Z/g, "");
const rest = (reader: MessageReader): string => hex(reader.take(Math.max(0, reader.to - reader.at)));
const base64 = (reader: MessageReader): string => {
	const bytes = reader.take(Math.max(0, reader.to - reader.at));
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
};

/** Of the types whose content has a form of its own in zone files, in that form; by number. */
const DECODERS: Readonly<Record<number, Decoder>> = {
	1: (reader) => [...reader.take(4)].join("."),
	2: name,
	5: name,
	6: (r) => `${r.name()} ${r.name()} ${r.u32()} ${r.u32()} ${r.u32()} ${r.u32()} ${r.u32()}`,
	12: name,
	13: strings,
	15: (r) => `${r.u16()} ${r.name()}`,
	16: strings,
	17: (r) => `${r.name()} ${r.name()}`,
	18: (r) => `${r.u16()} ${r.name()}`,
	28: (reader) => ipv6(reader.take(16)),
	33: (r) => `${r.u16()} ${r.u16()} ${r.u16()} ${r.name()}`,
	35: (r) => `${r.u16()} ${r.u16()} ${quoted(r)} ${quoted(r)} ${quoted(r)} ${r.name()}`,
	39: name,
	43: (r) => `${r.u16()} ${r.u8()} ${r.u8()} ${rest(r)}`,
	44: (r) => `${r.u8()} ${r.u8()} ${rest(r)}`,
	46: (r) =>
		`${typeName(r.u16())} ${r.u8()} ${r.u8()} ${r.u32()} ${time(r.u32())} ${time(r.u32())} ${r.u16()} ${r.name()} ${base64(r)}`,
	47: (r) => `${r.name()} ${types(r)}`,
	48: (r) => `${r.u16()} ${r.u8()} ${r.u8()} ${base64(r)}`,
	52: (r) => `${r.u8()} ${r.u8()} ${r.u8()} ${rest(r)}`,
	59: (r) => `${r.u16()} ${r.u8()} ${r.u8()} ${rest(r)}`,
	60: (r) => `${r.u16()} ${r.u8()} ${r.u8()} ${base64(r)}`,
	99: strings,
	256: (r) => `${r.u16()} ${r.u16()} ${JSON.stringify(textOf(r.take(Math.max(0, r.to - r.at))))}`,
	257: (r) => `${r.u8()} ${textOf(r.take(r.u8()))} ${JSON.stringify(textOf(r.take(Math.max(0, r.to - r.at))))}`,
};

/**
 * Content of a record as zone files write it (RFC 1035, section 5); of other types, and where it is not what it should be, by
 * RFC 3597: `\# length hexadecimal`. Names may point into the whole message.
 */
export function dataText(type: number, message: MessageReader, at: number, to: number): string {
	const decode = DECODERS[type];
	if (decode !== undefined && to > at) {
		const reader = new MessageReader(message.bytes, message.from, to);
		reader.at = at;
		const text = decode(reader);
		if (!reader.isBad && reader.at === to) return text;
	}
	return `\\# ${to - at}${to > at ? ` ${hex(message.bytes.subarray(at, to))}` : ""}`;
}

function quoted(reader: MessageReader): string {
	return JSON.stringify(textOf(reader.take(reader.u8())));
}

/** RFC 4034, section 4.1.2: the types that a name has, as windows of bits. */
function types(reader: MessageReader): string {
	const found: string[] = [];
	while (reader.at < reader.to && !reader.isBad) {
		const window = reader.u8();
		const bits = reader.take(reader.u8());
		for (let i = 0; i < bits.length * 8; i++)
			if (((bits[i >> 3]! << (i & 7)) & 0x80) !== 0) found.push(typeName(window * 256 + i));
	}
	return found.join(" ");
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** RFC 5952. */
function ipv6(bytes: Uint8Array): string {
	if (bytes.length < 16) return "";
	const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
	let best = -1;
	let bestLength = 1;
	for (let i = 0; i < 8; i++) {
		let length = 0;
		while (i + length < 8 && groups[i + length] === "0") length++;
		if (length > bestLength) [best, bestLength] = [i, length];
	}
	if (best < 0) return groups.join(":");
	return `${groups.slice(0, best).join(":")}::${groups.slice(best + bestLength).join(":")}`;
}
