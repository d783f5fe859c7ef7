import type { PcapCounters } from "./pcap-counters.js";

/** How long the fragments of one datagram may take, by packet time. */
const MAX_AGE_US = 30_000_000;
const MAX_DATAGRAMS = 4096;
const MAX_BYTES = 16 << 20;
const MAX_DATAGRAM_BYTES = 65_535;
const MAX_PARTS = 1024;

interface Part {
	readonly from: number;
	readonly to: number;
	/** Shorter than the range where the capture holds less than was on the wire. */
	readonly data: Uint8Array;
}

interface Datagram {
	readonly firstUs: number;
	/** By position, without overlaps. */
	readonly parts: Part[];
	/** Length, once the last fragment is here; -1 before. */
	length: number;
	/** Memory that its parts take. */
	bytes: number;
	/** What the first fragment says that follows. */
	protocol: number;
}

export interface Reassembled {
	/** What was captured, from the start and without holes. */
	readonly bytes: Uint8Array;
	/** On the wire. */
	readonly length: number;
	readonly protocol: number;
}

/** IP datagrams of which some fragments are here. Where fragments overlap the first copy of a byte counts. */
export class FragmentTable {
	readonly #datagrams = new Map<string, Datagram>();
	readonly #counters: PcapCounters;
	#bytes = 0;

	constructor(counters: PcapCounters) {
		this.#counters = counters;
	}

	/**
	 * `key` names the datagram, `offset` and `length` the fragment's place in it, `isLast` that none follows; `data` is what
	 * was captured of it and is copied. Returns the datagram when it is whole.
	 */
	add(
		key: string,
		offset: number,
		length: number,
		isLast: boolean,
		protocol: number,
		data: Uint8Array,
		tsUs: number,
	): Reassembled | null {
		this.#expire(tsUs);
		const to = offset + length;
		if (length === 0 || to > MAX_DATAGRAM_BYTES) {
			this.#counters.skippedMalformed++;
			return null;
		}
		let datagram = this.#datagrams.get(key);
		if (datagram === undefined) {
			datagram = { firstUs: tsUs, parts: [], length: -1, bytes: 0, protocol };
			this.#datagrams.set(key, datagram);
		}
		if (isLast && datagram.length < 0) datagram.length = to;
		if (offset === 0) datagram.protocol = protocol;
		const added = insert(datagram.parts, offset, to, data);
		datagram.bytes += added;
		this.#bytes += added;
		if (isWhole(datagram)) {
			this.#remove(key, datagram);
			this.#counters.fragmentedDatagrams++;
			return { bytes: join(datagram), length: datagram.length, protocol: datagram.protocol };
		}
		if (datagram.parts.length > MAX_PARTS) this.#lose(key, datagram);
		while (this.#datagrams.size > MAX_DATAGRAMS || this.#bytes > MAX_BYTES) this.#loseOldest();
		return null;
	}

	/** What still waits is lost. */
	clear(): void {
		while (this.#datagrams.size > 0) this.#loseOldest();
	}

	#expire(tsUs: number): void {
		for (const [key, datagram] of this.#datagrams) {
			if (tsUs - datagram.firstUs <= MAX_AGE_US) return;
			this.#lose(key, datagram);
		}
	}

	#loseOldest(): void {
		for (const [key, datagram] of this.#datagrams) {
			this.#lose(key, datagram);
			return;
		}
	}

	#lose(key: string, datagram: Datagram): void {
		this.#remove(key, datagram);
		this.#counters.fragmentedDatagramsLost++;
	}

	#remove(key: string, datagram: Datagram): void {
		if (this.#datagrams.delete(key)) this.#bytes -= datagram.bytes;
	}
}

/** Puts the parts of a fragment that are new where they belong. Returns how many bytes were kept. */
function insert(parts: Part[], offset: number, to: number, data: Uint8Array): number {
	let kept = 0;
	let from = offset;
	let i = 0;
	while (i < parts.length && parts[i]!.to <= from) i++;
	while (from < to) {
		const following = parts[i];
		const upTo = following === undefined ? to : Math.min(to, following.from);
		if (upTo > from) {
			const copy = data.slice(from - offset, upTo - offset);
			parts.splice(i++, 0, { from, to: upTo, data: copy });
			kept += copy.length;
		}
		if (following === undefined) break;
		from = Math.max(from, following.to);
		i++;
	}
	return kept;
}

function isWhole({ parts, length }: Datagram): boolean {
	if (length < 0) return false;
	let next = 0;
	for (const { from, to } of parts) {
		if (from !== next) return false;
		next = to;
		if (next >= length) return true;
	}
	return false;
}

function join({ parts, length }: Datagram): Uint8Array {
	const whole = new Uint8Array(length);
	let next = 0;
	for (const { from, to, data } of parts) {
		const take = Math.min(data.length, length - from);
		whole.set(take < data.length ? data.subarray(0, take) : data, from);
		next = from + take;
		if (data.length < to - from || to >= length) break;
	}
	return whole.subarray(0, next);
}
