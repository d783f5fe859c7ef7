/** The segments of a spool: blocks go in at one end, are read in the middle, and go with their segment at the other end. */
import type { SpoolFolder } from "./folder.js";
import { HEADER_BYTES } from "./format.js";
import { type Found, Segment } from "./segment.js";

const LARGEST_SEGMENT_BYTES = 1 << 24;
const SEGMENTS = 8;

export interface ReadBlock {
	readonly block: Buffer | null;
	/** Sequences of the block; without one, both are where the log ended. */
	readonly first: number;
	readonly end: number;
	/** Bytes before it that are no block. */
	readonly damaged: number;
}

export class SpoolLog {
	/** Bytes of all segments. */
	bytes = 0;
	/** One more than the sequence of the last record on the disk. */
	end = 0;
	/** The same of what is synced. */
	synced = 0;
	private readonly folder: SpoolFolder;
	private readonly maxBytes: number;
	private readonly segmentBytes: number;
	private readonly segments: Segment[] = [];
	private at = { segment: 0, offset: HEADER_BYTES };

	private constructor(folder: SpoolFolder, maxBytes: number) {
		this.folder = folder;
		this.maxBytes = maxBytes;
		this.segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, maxBytes / SEGMENTS);
	}

	/** `cut`: bytes at its end that were no whole block. */
	static async open(folder: SpoolFolder, maxBytes: number): Promise<{ readonly log: SpoolLog; readonly cut: number }> {
		const log = new SpoolLog(folder, maxBytes);
		for (const first of await folder.segments()) {
			const segment = await Segment.open(folder.segmentPath(first), first);
			await segment.rest();
			log.segments.push(segment);
			log.bytes += segment.bytes;
		}
		const { end, cut } = (await log.segments.at(-1)?.mend()) ?? { end: 0, cut: 0 };
		log.bytes -= cut;
		log.end = end;
		log.synced = end;
		return { log, cut };
	}

	get first(): number {
		return this.segments[0]?.first ?? this.end;
	}

	/** One more than the sequence of the last record in the oldest segment. */
	get oldestEnd(): number {
		return this.segments[1]?.first ?? this.end;
	}

	/** Where `removeOldest` may make room: the segment that is written to stays. */
	get canRemove(): boolean {
		return this.segments.length > 1;
	}

	fits(bytes: number): boolean {
		const current = this.current(bytes);
		return this.bytes + bytes + (current === null ? HEADER_BYTES : 0) <= this.maxBytes;
	}

	/** Resolves when the block is in the file; it may not be synced. Rejects with what the system says. */
	async append(block: Buffer, first: number, end: number): Promise<void> {
		const segment = this.current(block.length) ?? (await this.start(first));
		await segment.append(block);
		this.bytes += block.length;
		this.end = end;
	}

	async sync(): Promise<void> {
		const { end } = this;
		await this.segments.at(-1)?.sync();
		this.synced = Math.max(this.synced, end);
	}

	/**
	 * The block that holds the first record from `sequence` on, which must not be lower than at the call before; null: there
	 * is none. `damaged` counts bytes that are none.
	 */
	async read(sequence: number): Promise<ReadBlock> {
		let damaged = 0;
		for (;;) {
			// as it is now: more may be written while this reads
			const { end } = this;
			const index = this.segments.findIndex(({ first }) => first >= this.at.segment);
			const segment = this.segments[index];
			if (segment === undefined) return { block: null, first: end, end, damaged };
			if (segment.first !== this.at.segment) this.at = { segment: segment.first, offset: HEADER_BYTES };
			const next = this.segments[index + 1];
			const found: Found =
				next !== undefined && next.first <= sequence ? { kind: "end" } : await segment.find(this.at.offset);
			// removed meanwhile
			if (!this.segments.includes(segment)) continue;
			if (found.kind === "end") {
				if (next === undefined) return { block: null, first: end, end, damaged };
				this.at = { segment: next.first, offset: HEADER_BYTES };
				await segment.rest();
				continue;
			}
			const from = this.at.offset;
			this.at.offset = found.next;
			if (found.kind === "damage") {
				damaged += found.next - from;
				continue;
			}
			const { first } = found.head;
			const blockEnd = first + found.head.records;
			if (blockEnd <= sequence) continue;
			const block = await segment.block(found);
			if (this.segments.includes(segment)) return { block, first, end: blockEnd, damaged };
		}
	}

	/** Removes segments all of whose records are below `sequence`. */
	async removeBelow(sequence: number): Promise<void> {
		while (this.segments[1] !== undefined && this.segments[1].first <= sequence) await this.removeOldest();
	}

	/** Removes all segments. For a spool with nothing in it. */
	async clear(): Promise<void> {
		while (this.segments.length > 0) await this.removeOldest();
	}

	async removeOldest(): Promise<void> {
		const segment = this.segments.shift();
		if (segment === undefined) return;
		this.bytes -= segment.bytes;
		await segment.remove();
	}

	async close(): Promise<void> {
		for (const segment of this.segments) await segment.rest();
	}

	/** The segment that a block of so many bytes goes into; null: a new one. */
	private current(bytes: number): Segment | null {
		const last = this.segments.at(-1);
		if (last === undefined) return null;
		return last.bytes === HEADER_BYTES || last.bytes + bytes <= this.segmentBytes ? last : null;
	}

	private async start(first: number): Promise<Segment> {
		await this.sync();
		await this.segments.at(-1)?.rest();
		const segment = await Segment.create(this.folder.segmentPath(first), first);
		this.segments.push(segment);
		this.bytes += segment.bytes;
		await this.folder.sync();
		return segment;
	}
}
