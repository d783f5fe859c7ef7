/** Capture files by the byte. */

export interface Captured {
	readonly tsUs: number;
	readonly frame: Uint8Array;
	/** Keep only so many bytes of it. */
	readonly snap?: number;
	/** Nanoseconds after `tsUs`, where the format has them. */
	readonly nanos?: number;
	readonly iface?: number;
}

export interface PcapOptions {
	readonly isBig?: boolean;
	readonly isNano?: boolean;
	readonly linkType?: number;
	readonly snaplen?: number;
}

export const ETHERNET = 1;
export const START_US = 1_700_000_000_000_000;

class Writer {
	private readonly parts: Buffer[] = [];
	private readonly isBig: boolean;

	constructor(isBig: boolean) {
		this.isBig = isBig;
	}

	u16(...values: number[]): this {
		for (const value of values) {
			const bytes = Buffer.alloc(2);
			if (this.isBig) bytes.writeUInt16BE(value);
			else bytes.writeUInt16LE(value);
			this.parts.push(bytes);
		}
		return this;
	}

	u32(...values: number[]): this {
		for (const value of values) {
			const bytes = Buffer.alloc(4);
			if (this.isBig) bytes.writeUInt32BE(value >>> 0);
			else bytes.writeUInt32LE(value >>> 0);
			this.parts.push(bytes);
		}
		return this;
	}

	raw(bytes: Uint8Array): this {
		this.parts.push(Buffer.from(bytes));
		return this;
	}

	/** Up to the next multiple of four. */
	padded(bytes: Uint8Array): this {
		return this.raw(bytes).raw(Buffer.alloc(-bytes.length & 3));
	}

	bytes(): Buffer {
		return Buffer.concat(this.parts);
	}
}

export function pcap(
	packets: readonly Captured[],
	{ isBig = false, isNano = false, linkType = ETHERNET, snaplen = 262_144 }: PcapOptions = {},
): Buffer {
	const out = new Writer(isBig)
		.u32(isNano ? 0xa1b23c4d : 0xa1b2c3d4)
		.u16(2, 4)
		.u32(0, 0, snaplen, linkType);
	for (const { tsUs, frame, snap = frame.length, nanos = 0 } of packets) {
		const kept = frame.subarray(0, snap);
		const micros = tsUs % 1_000_000;
		out.u32(Math.floor(tsUs / 1e6), isNano ? micros * 1000 + nanos : micros, kept.length, frame.length).raw(kept);
	}
	return out.bytes();
}

export interface InterfaceOptions {
	readonly linkType?: number;
	readonly snaplen?: number;
	/** The option if_tsresol: ticks are 10^-n, or 2^-n with the high bit set. */
	readonly resolution?: number;
	readonly offsetSecs?: number;
}

/** The blocks of one section, in its byte order. */
export class Pcapng {
	private readonly isBig: boolean;
	private readonly blocks: Buffer[] = [];
	private readonly interfaces: InterfaceOptions[] = [];

	constructor(isBig = false) {
		this.isBig = isBig;
		this.block(0x0a0d0d0a, new Writer(isBig).u32(0x1a2b3c4d).u16(1, 0).u32(0xffff_ffff, 0xffff_ffff).bytes());
	}

	block(type: number, body: Uint8Array): this {
		const length = 12 + body.length + (-body.length & 3);
		this.blocks.push(new Writer(this.isBig).u32(type, length).padded(body).u32(length).bytes());
		return this;
	}

	interface(options: InterfaceOptions = {}): this {
		const { linkType = ETHERNET, snaplen = 0, resolution, offsetSecs } = options;
		const body = new Writer(this.isBig).u16(linkType, 0).u32(snaplen);
		if (resolution !== undefined) body.u16(9, 1).padded(Buffer.from([resolution]));
		if (offsetSecs !== undefined) {
			const high = Math.floor(offsetSecs / 2 ** 32);
			body.u16(14, 8).u32(...(this.isBig ? [high, offsetSecs] : [offsetSecs, high]));
		}
		body.u16(0, 0);
		this.interfaces.push(options);
		return this.block(1, body.bytes());
	}

	packet({ tsUs, frame, snap = frame.length, iface = 0 }: Captured): this {
		const kept = frame.subarray(0, snap);
		const [high, low] = this.ticks(tsUs, iface);
		return this.block(
			6,
			new Writer(this.isBig).u32(iface, high, low, kept.length, frame.length).padded(kept).u16(0, 0).bytes(),
		);
	}

	/** The packet block of before 2004. */
	obsolete({ tsUs, frame, iface = 0 }: Captured): this {
		const [high, low] = this.ticks(tsUs, iface);
		const body = new Writer(this.isBig).u16(iface, 0).u32(high, low, frame.length, frame.length).padded(frame);
		return this.block(2, body.bytes());
	}

	simple(frame: Uint8Array): this {
		return this.block(3, new Writer(this.isBig).u32(frame.length).padded(frame).bytes());
	}

	bytes(): Buffer {
		return Buffer.concat(this.blocks);
	}

	private ticks(tsUs: number, iface: number): [number, number] {
		const { resolution = 6, offsetSecs = 0 } = this.interfaces[iface] ?? {};
		const perSecond = resolution < 0x80 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
		// rounded up, so that reading, which rounds down, gives the microsecond back
		const ticks = (BigInt(tsUs - offsetSecs * 1e6) * perSecond + 999_999n) / 1_000_000n;
		return [Number(ticks >> 32n), Number(ticks & 0xffff_ffffn)];
	}
}
