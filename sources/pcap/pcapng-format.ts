import { PolytapError } from "../../core/index.js";
import { be32, u16, u32 } from "./integers.js";
import { type CaptureFormat, MAX_PACKET_BYTES, type RawPacket } from "./raw-packet.js";
import { TickClock } from "./tick-clock.js";

export const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, length, and the length again at the end. */
const FRAME_BYTES = 12;
const MICROSECONDS = 6;
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;
/** A mutated file must not make us remember interfaces for ever. */
const MAX_INTERFACES = 65_536;

interface Interface {
	readonly linkType: number;
	readonly snaplen: number;
	readonly clock: TickClock;
}

/** The block format: sections, each with its byte order and interfaces; packets name their interface. */
export class PcapngFormat implements CaptureFormat {
	#isBig = false;
	#interfaces: Interface[] = [];
	#lastTsUs = 0;

	read(bytes: Uint8Array, at: number, end: number, out: RawPacket): number {
		out.at = -1;
		if (end - at < FRAME_BYTES) return -FRAME_BYTES;
		let isBig = this.#isBig;
		const type = u32(bytes, at, isBig);
		const isSection = type === SECTION_HEADER;
		if (isSection) isBig = byteOrderAt(bytes, at + 8);
		const length = u32(bytes, at + 4, isBig);
		if (length < FRAME_BYTES || length % 4 !== 0) throw damaged(`a block says that it is ${length} bytes long`);
		if (!isSection && type !== INTERFACE && type !== ENHANCED_PACKET && type !== SIMPLE_PACKET) {
			if (type !== OBSOLETE_PACKET) return length;
		}
		if (length > MAX_PACKET_BYTES) throw damaged(`a block says that it is ${length} bytes long`);
		if (end - at < length) return -length;
		if (u32(bytes, at + length - 4, isBig) !== length) throw damaged("a block's two lengths differ");
		const body = at + 8;
		const bodyEnd = at + length - 4;
		if (isSection) this.#section(isBig, bytes, body, bodyEnd);
		else if (type === INTERFACE) this.#interface(bytes, body, bodyEnd);
		else if (type === ENHANCED_PACKET) this.#enhanced(bytes, body, bodyEnd, out);
		else if (type === SIMPLE_PACKET) this.#simple(bytes, body, bodyEnd, out);
		else this.#obsolete(bytes, body, bodyEnd, out);
		return length;
	}

	#section(isBig: boolean, bytes: Uint8Array, at: number, end: number): void {
		if (end - at < 16) throw damaged("a section header is too short");
		const major = u16(bytes, at + 4, isBig);
		if (major !== 1) throw new PolytapError("CAPTURE_UNSUPPORTED", `pcapng version ${major} is not known`);
		this.#isBig = isBig;
		this.#interfaces = [];
	}

	#interface(bytes: Uint8Array, at: number, end: number): void {
		if (end - at < 8) throw damaged("an interface description is too short");
		if (this.#interfaces.length >= MAX_INTERFACES) throw damaged("there is no end of interfaces");
		const isBig = this.#isBig;
		let resolution = MICROSECONDS;
		let offsetSecs = 0;
		let option = at + 8;
		while (end - option >= 4) {
			const code = u16(bytes, option, isBig);
			const length = u16(bytes, option + 2, isBig);
			const value = option + 4;
			if (code === OPTION_END || value + length > end) break;
			if (code === OPTION_TIME_RESOLUTION && length >= 1) resolution = bytes[value]!;
			if (code === OPTION_TIME_OFFSET && length >= 8) offsetSecs = seconds(bytes, value, isBig);
			option = value + ((length + 3) & ~3);
		}
		this.#interfaces.push({
			linkType: u16(bytes, at, isBig),
			snaplen: u32(bytes, at + 4, isBig),
			clock: new TickClock(resolution, offsetSecs),
		});
	}

	#enhanced(bytes: Uint8Array, at: number, end: number, out: RawPacket): void {
		if (end - at < 20) throw damaged("a packet block is too short");
		const isBig = this.#isBig;
		this.#packet(u32(bytes, at, isBig), bytes, at + 4, at + 20, end, out);
	}

	#obsolete(bytes: Uint8Array, at: number, end: number, out: RawPacket): void {
		if (end - at < 20) throw damaged("a packet block is too short");
		this.#packet(u16(bytes, at, this.#isBig), bytes, at + 4, at + 20, end, out);
	}

	/** `at`: two halves of the time, captured length, original length. */
	#packet(number: number, bytes: Uint8Array, at: number, data: number, end: number, out: RawPacket): void {
		const from = this.#interfaces[number];
		if (from === undefined) throw damaged(`a packet came from interface ${number}, which nothing describes`);
		const isBig = this.#isBig;
		const captured = u32(bytes, at + 8, isBig);
		if (captured > end - data) throw damaged(`a packet claims to be ${captured} bytes long`);
		this.#lastTsUs = from.clock.toUs(u32(bytes, at, isBig), u32(bytes, at + 4, isBig));
		out.at = data;
		out.captured = captured;
		out.length = Math.max(captured, u32(bytes, at + 12, isBig));
		out.tsUs = this.#lastTsUs;
		out.linkType = from.linkType;
	}

	/** Without a time of its own, and always from the first interface. */
	#simple(bytes: Uint8Array, at: number, end: number, out: RawPacket): void {
		const from = this.#interfaces[0];
		if (from === undefined || end - at < 4) throw damaged("a simple packet without an interface or a length");
		const length = u32(bytes, at, this.#isBig);
		const kept = from.snaplen === 0 ? length : Math.min(length, from.snaplen);
		out.at = at + 4;
		out.captured = Math.min(kept, end - at - 4);
		out.length = length;
		out.tsUs = this.#lastTsUs;
		out.linkType = from.linkType;
	}
}

/** Of the section header whose magic lies at `at`. */
function byteOrderAt(bytes: Uint8Array, at: number): boolean {
	if (be32(bytes, at) === BYTE_ORDER_MAGIC) return true;
	if (u32(bytes, at, false) === BYTE_ORDER_MAGIC) return false;
	throw damaged("a section header without a byte order");
}

/** A signed 64-bit number of seconds. */
function seconds(bytes: Uint8Array, at: number, isBig: boolean): number {
	const high = u32(bytes, isBig ? at : at + 4, isBig) | 0;
	return high * 4_294_967_296 + u32(bytes, isBig ? at + 4 : at, isBig);
}

function damaged(what: string): PolytapError {
	return new PolytapError("CAPTURE_DAMAGED", what);
}
