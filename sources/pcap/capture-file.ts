import { open } from "node:fs/promises";
import { PolytapError } from "../../core/index.js";
import { recognise } from "./capture-format.js";
import type { EventBatch } from "./event-batch.js";
import { type ByteOrigin, FileOrigin, FileWindow, WINDOW_BYTES } from "./file-window.js";
import { GunzipOrigin } from "./gunzip-origin.js";
import type { PacketDecoder } from "./packet-decoder.js";
import { type CaptureFormat, RawPacket } from "./raw-packet.js";

/** What tells captures and gzip apart. */
const MAGIC_BYTES = 4;
/** A batch spans no more packet time than this: the engine's clock moves between batches. */
const STEP_US = 10_000;
/** Packets of several interfaces are not in order; what goes back further is a clock that was set. */
const MAX_DISORDER_US = 1_000_000;

/** `batch`: it is to be handed over. `bytes`: more of the file is needed, and nothing may use the window. `over`: that was all. */
export type Pause = "batch" | "bytes" | "over";

/** One capture file while it is read. */
export class CaptureFile {
	/** What ended it before its end, or null. */
	damage: PolytapError | null = null;
	readonly #window: FileWindow;
	readonly #raw = new RawPacket();
	#format: CaptureFormat | null = null;
	#wanted = 0;
	#stepUs = 0;
	/** `#raw` was read but not decoded yet. */
	#isHeld = false;
	#isClosed = false;

	private constructor(window: FileWindow) {
		this.#window = window;
	}

	/**
	 * Rejects with `CAPTURE_UNREADABLE` where it cannot be opened or is no packet capture, `CAPTURE_UNSUPPORTED` where it is
	 * of a kind that is not read.
	 */
	static async open(path: string): Promise<CaptureFile> {
		try {
			return await CaptureFile.from(new FileOrigin(await open(path, "r")));
		} catch (error) {
			throw unreadable(path, error);
		}
	}

	/** Owns `origin`, and closes it where it rejects. `windowBytes`, of which at least 4, are read at once. */
	static async from(origin: ByteOrigin, windowBytes: number = WINDOW_BYTES): Promise<CaptureFile> {
		try {
			const file = new CaptureFile(await windowOn(origin, windowBytes));
			await file.#recognise();
			return file;
		} catch (error) {
			await origin.close();
			throw error;
		}
	}

	/** Decodes what is in memory until the batch is full, packet time has moved on, or bytes run out. */
	decode(batch: EventBatch, decoder: PacketDecoder): Pause {
		const format = this.#format;
		if (format === null || this.damage !== null) return "over";
		const window = this.#window;
		const raw = this.#raw;
		const { bytes, end } = window;
		try {
			for (;;) {
				if (!this.#isHeld) {
					const used = format.read(bytes, window.at, end, raw);
					if (used <= 0) {
						this.#wanted = -used;
						return "bytes";
					}
					window.at += used;
					if (raw.at < 0) {
						if (window.at <= end) continue;
						this.#wanted = 0;
						return "bytes";
					}
				}
				this.#isHeld = false;
				const { tsUs } = raw;
				if (tsUs >= this.#stepUs || tsUs < this.#stepUs - MAX_DISORDER_US) {
					if (!batch.isEmpty) {
						this.#isHeld = true;
						this.#stepUs = 0;
						return "batch";
					}
					this.#stepUs = tsUs + STEP_US;
					decoder.advance(tsUs);
				}
				decoder.packet(raw, bytes);
				if (batch.isFull) return "batch";
			}
		} catch (error) {
			this.#damaged(error);
			return "over";
		}
	}

	/** Brings more of the file into memory; nothing may use what was there before. False: it is over. */
	async more(): Promise<boolean> {
		if (this.damage !== null) return false;
		const window = this.#window;
		try {
			if (await window.fill(this.#wanted)) return true;
			if (window.at !== window.end) {
				throw new PolytapError("CAPTURE_DAMAGED", "the file ends in the middle of a packet");
			}
		} catch (error) {
			this.#damaged(error);
		}
		return false;
	}

	async close(): Promise<void> {
		if (this.#isClosed) return;
		this.#isClosed = true;
		await this.#window.close();
	}

	async #recognise(): Promise<void> {
		const window = this.#window;
		for (;;) {
			const found = recognise(window.bytes, window.at, window.end);
			if (typeof found !== "number") {
				this.#format = found.format;
				window.at += found.headerBytes;
				return;
			}
			if (await window.fill(-found)) continue;
			if (window.end - window.at < MAGIC_BYTES) {
				throw new PolytapError("CAPTURE_UNREADABLE", window.end === 0 ? "the file is empty" : "not a packet capture");
			}
			this.#damaged(new PolytapError("CAPTURE_DAMAGED", "the file ends within its header"));
			return;
		}
	}

	#damaged(error: unknown): void {
		const known =
			error instanceof PolytapError
				? error
				: new PolytapError("CAPTURE_DAMAGED", error instanceof Error ? error.message : String(error), null, error);
		const where = `${known.message}, at byte ${this.#window.position}; everything before it was read`;
		this.damage = new PolytapError(known.code, where, known.hint, error);
	}
}

async function windowOn(origin: ByteOrigin, windowBytes: number): Promise<FileWindow> {
	const buffer = new Uint8Array(MAGIC_BYTES);
	let length = 0;
	while (length < MAGIC_BYTES) {
		const read = await origin.read(buffer, length);
		if (read === 0) break;
		length += read;
	}
	const start = buffer.subarray(0, length);
	if (start[0] !== 0x1f || start[1] !== 0x8b) return new FileWindow(origin, start, windowBytes);
	return new FileWindow(new GunzipOrigin(origin, start), new Uint8Array(0), windowBytes);
}

/** What the user is told when nothing of a file can be read. */
function unreadable(path: string, error: unknown): PolytapError {
	const reason = error instanceof Error ? error.message : String(error);
	const known = error instanceof PolytapError ? error : null;
	const code = known?.code === "CAPTURE_UNSUPPORTED" ? known.code : "CAPTURE_UNREADABLE";
	return new PolytapError(code, `${path}: ${reason}`, known?.hint ?? null, error);
}
