/**
 * How far a spool was read, in a file of two slots that are written in turn: one of them is whole, whatever happens. Its
 * place on the disk is taken when it is made, so that it can be written where the disk is full.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { Progress } from "./progress.js";

export const SLOT_BYTES = 1 << 16;
const HEAD_BYTES = 8;

export class Cursor {
	/** False: the file was there and neither of its slots was whole. */
	readonly isWhole: boolean;
	private readonly handle: FileHandle;
	private generation: number;

	private constructor(handle: FileHandle, generation: number, isWhole: boolean) {
		this.handle = handle;
		this.generation = generation;
		this.isWhole = isWhole;
	}

	static async open(path: string): Promise<{ readonly cursor: Cursor; readonly progress: Progress }> {
		const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
		try {
			const { size } = await handle.stat();
			if (size < 2 * SLOT_BYTES) await handle.write(Buffer.alloc(2 * SLOT_BYTES - size), 0, null, size);
			const slots = await Promise.all([0, 1].map((slot) => readSlot(handle, slot)));
			const found = slots.filter((slot) => slot !== null).sort((a, b) => b.generation - a.generation)[0];
			const cursor = new Cursor(handle, found?.generation ?? 0, found !== undefined || size === 0);
			return { cursor, progress: Progress.ofRuns(found?.next ?? 0, found?.runs ?? []) };
		} catch (error) {
			await handle.close();
			throw error;
		}
	}

	/** What does not fit of the records beyond the first that is not done would be offered again after a crash. */
	async write(progress: Progress): Promise<void> {
		const generation = this.generation + 1;
		let runs = progress.runs();
		let text = encoded(generation, progress.next, runs);
		while (text.length > SLOT_BYTES - HEAD_BYTES) {
			runs = runs.slice(0, (runs.length >> 2) << 1);
			text = encoded(generation, progress.next, runs);
		}
		const slot = Buffer.allocUnsafe(HEAD_BYTES + text.length);
		slot.writeUInt32LE(text.length, 0);
		slot.writeUInt32LE(crc32(text), 4);
		text.copy(slot, HEAD_BYTES);
		await this.handle.write(slot, 0, slot.length, (generation & 1) * SLOT_BYTES);
		this.generation = generation;
	}

	async close(): Promise<void> {
		try {
			await this.handle.datasync();
		} finally {
			await this.handle.close();
		}
	}
}

function encoded(generation: number, next: number, runs: readonly number[]): Buffer {
	return Buffer.from(JSON.stringify([generation, next, runs]));
}

async function readSlot(handle: FileHandle, slot: number) {
	const bytes = Buffer.alloc(SLOT_BYTES);
	const { bytesRead } = await handle.read(bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
	const length = bytes.readUInt32LE(0);
	if (length === 0 || HEAD_BYTES + length > bytesRead) return null;
	const text = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length);
	if (crc32(text) !== bytes.readUInt32LE(4)) return null;
	const [generation, next, runs] = JSON.parse(text.toString()) as [number, number, number[]];
	return { generation, next, runs };
}
