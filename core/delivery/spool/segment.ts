import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import {
	BLOCK_MAGIC,
	type BlockHead,
	HEADER_BYTES,
	isIntact,
	readBlockHeader,
	readSegmentHeader,
	segmentHeader,
	VERSION,
} from "./format.js";

const SEARCH_BYTES = 1 << 20;

/** What stands at a place of a segment. */
export type Found =
	| { readonly kind: "block"; readonly head: BlockHead; readonly at: number; readonly next: number }
	/** Damage up to `next`, where a block begins again or the segment ends. */
	| { readonly kind: "damage"; readonly next: number }
	| { readonly kind: "end" };

/** One file of a spool. */
export class Segment {
	readonly path: string;
	/** Sequence of its first record. */
	readonly first: number;
	/** What of it is valid: header and whole blocks. */
	bytes = HEADER_BYTES;
	/** Open only while it is written or read: a long spool has many segments. */
	private handle: Promise<FileHandle> | null = null;
	private isRemoved = false;

	private constructor(path: string, first: number) {
		this.path = path;
		this.first = first;
	}

	static async create(path: string, first: number): Promise<Segment> {
		const segment = new Segment(path, first);
		segment.handle = open(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600);
		try {
			await segment.put(segmentHeader(first), 0);
		} catch (error) {
			await segment.remove().catch(() => undefined);
			throw error;
		}
		return segment;
	}

	/** One that is there already. Rejects where it is of a version that is not known here. */
	static async open(path: string, first: number): Promise<Segment> {
		const segment = new Segment(path, first);
		const { size } = await (await segment.file()).stat();
		// a process was killed while it made it
		if (size < HEADER_BYTES) await segment.put(segmentHeader(first), 0);
		const header = readSegmentHeader(await segment.get(0, HEADER_BYTES));
		// a damaged header hides nothing: the file's name says the same
		if (header !== null && header.version !== VERSION) {
			await segment.rest();
			throw new Error(`${path} is of version ${header.version}, and this polytap knows ${VERSION}`);
		}
		segment.bytes = Math.max(size, HEADER_BYTES);
		return segment;
	}

	/** At its end. What was half written before an error is taken back. */
	async append(block: Buffer): Promise<void> {
		try {
			await this.put(block, this.bytes);
		} catch (error) {
			await this.file()
				.then((file) => file.truncate(this.bytes))
				.catch(() => undefined);
			throw error;
		}
		this.bytes += block.length;
	}

	async sync(): Promise<void> {
		if (!this.isRemoved) await (await this.file()).datasync();
	}

	/** Reads the header there; the payload is not looked at. */
	async find(at: number): Promise<Found> {
		if (at >= this.bytes) return { kind: "end" };
		const head = readBlockHeader(await this.get(at, HEADER_BYTES));
		const next = at + HEADER_BYTES + (head?.payloadBytes ?? 0);
		if (head === null || next > this.bytes) return { kind: "damage", next: await this.search(at + 1) };
		return { kind: "block", head, at, next };
	}

	/** Header and payload of the block that `find` found. */
	block({ at, next }: { readonly at: number; readonly next: number }): Promise<Buffer> {
		return this.get(at, next - at);
	}

	/**
	 * Cuts off what is no whole block at its end, which is what a killed process leaves. Returns one more than the sequence of
	 * the last record, and how many bytes were cut off.
	 */
	async mend(): Promise<{ readonly end: number; readonly cut: number }> {
		let end = this.first;
		let valid = HEADER_BYTES;
		for (let at = HEADER_BYTES; ; ) {
			const found = await this.find(at);
			if (found.kind === "end") break;
			at = found.next;
			if (found.kind === "damage") continue;
			const block = await this.block(found);
			if (!isIntact(found.head, block.subarray(HEADER_BYTES))) continue;
			// a block from before, where a newer one did not reach the disk, is not the end
			end = Math.max(end, found.head.first + found.head.records);
			valid = found.next;
		}
		const cut = this.bytes - valid;
		if (cut > 0) {
			await (await this.file()).truncate(valid);
			this.bytes = valid;
		}
		return { end, cut };
	}

	/** Closes the file until it is needed again. */
	async rest(): Promise<void> {
		const { handle } = this;
		this.handle = null;
		await (await handle)?.close();
	}

	/** Whoever still reads it finds nothing more. */
	async remove(): Promise<void> {
		this.isRemoved = true;
		await unlink(this.path);
		await this.rest();
	}

	private file(): Promise<FileHandle> {
		if (this.isRemoved) return Promise.reject(new Error(`${this.path} was removed`));
		this.handle ??= open(this.path, constants.O_RDWR);
		return this.handle;
	}

	/** Where the next block header after a damaged place is. */
	private async search(from: number): Promise<number> {
		for (let at = from; at < this.bytes; at += SEARCH_BYTES) {
			const bytes = await this.get(at, Math.min(SEARCH_BYTES + HEADER_BYTES, this.bytes - at));
			for (let hit = bytes.indexOf(BLOCK_MAGIC); hit !== -1; hit = bytes.indexOf(BLOCK_MAGIC, hit + 1))
				if (readBlockHeader(bytes, hit) !== null) return at + hit;
		}
		return this.bytes;
	}

	private async get(at: number, length: number): Promise<Buffer> {
		if (this.isRemoved) return Buffer.alloc(0);
		const bytes = Buffer.allocUnsafeSlow(length);
		let done = 0;
		while (done < length) {
			const file = await this.file();
			const { bytesRead } = await file.read(bytes, done, length - done, at + done);
			if (bytesRead === 0) break;
			done += bytesRead;
		}
		return bytes.subarray(0, done);
	}

	private async put(bytes: Buffer, at: number): Promise<void> {
		for (let done = 0; done < bytes.length; ) {
			const file = await this.file();
			const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
			done += bytesWritten;
		}
	}
}
