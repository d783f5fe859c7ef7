import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { PolytapError, Retryable } from "../errors.js";
import type { Diagnostics } from "../plugin.js";
import { Archive } from "./archive.js";
import type { FileOptions } from "./file-options.js";
import type { Output } from "./output.js";
import { asWriteError, writeFully } from "./write-fully.js";

/** How one file of a format begins. */
export interface FileStart {
	/** What every file begins with. */
	header(): Uint8Array;
	/**
	 * What becomes of a file from before: `lines` goes on behind it, on a line of its own; `aside` treats it as one that was
	 * rotated away, because its end may be torn.
	 */
	readonly existing: "lines" | "aside";
}

/** A file that is appended to, and put aside when it is too large or too old. */
export class RotatingFile implements Output {
	private readonly config: FileOptions;
	private readonly archive: Archive;
	private handle: FileHandle | null = null;
	/** False for a pipe or a device: no rotation, no truncation. */
	private regular = false;
	private size = 0;
	private batchStart = 0;
	private bornMs = 0;
	private rotations = 0;
	private headerBytes = 0;
	private hasBegun = false;
	private isClosed = false;
	private readonly fileStart: FileStart;

	constructor(config: FileOptions, diagnostics: Diagnostics, fileStart: FileStart = LINES) {
		this.config = config;
		this.fileStart = fileStart;
		this.archive = new Archive(config, diagnostics);
	}

	async open(): Promise<void> {
		try {
			await mkdir(dirname(this.config.path), { recursive: true, mode: 0o700 });
			await this.start();
		} catch (error) {
			// a disk that is full may have room by the time of the first write, which begins the file anew
			if (error instanceof Retryable) return;
			const reason = error instanceof Error ? error.message : String(error);
			throw new PolytapError(
				"SINK_FAILED",
				`cannot write ${this.config.path}: ${reason}`,
				"check that the folder exists and that this user may write there",
				error,
			);
		}
	}

	async begin(): Promise<void> {
		if (!this.hasBegun && this.regular && this.fileStart.existing === "lines") {
			// a sink that a reload replaced wrote until now: its last line may have been half there, and the file put aside
			await this.handle?.close();
			this.handle = null;
		}
		this.hasBegun = true;
		if (this.handle === null) await this.start();
		const { rotate_secs } = this.config;
		if (rotate_secs !== null && this.size > this.headerBytes && Date.now() - this.bornMs >= rotate_secs * 1000)
			await this.rotate();
		this.batchStart = this.size;
	}

	async write(bytes: Uint8Array, to: number): Promise<void> {
		const { rotate_bytes } = this.config;
		if (rotate_bytes !== null && this.size > this.headerBytes && this.size + to > rotate_bytes) {
			await this.rotate();
			this.batchStart = this.size;
		}
		await writeFully(this.handle!.fd, bytes, 0, to);
		this.size += to;
	}

	async commit(): Promise<void> {
		if (this.config.fsync === "each_batch" && this.regular) await this.handle!.datasync();
	}

	/** Cuts off a half-written batch, so that trying again leaves neither a torn line nor a second copy. */
	async rollback(): Promise<void> {
		if (this.handle === null || !this.regular) return;
		await this.handle.truncate(this.batchStart).catch(() => undefined);
		this.size = (await this.handle.stat().catch(() => null))?.size ?? this.batchStart;
	}

	async close(): Promise<void> {
		this.isClosed = true;
		const { handle } = this;
		this.handle = null;
		if (handle !== null) {
			if (this.config.fsync !== "never" && this.regular) await handle.datasync();
			await handle.close();
		}
		await this.archive.settled();
	}

	counters(): Readonly<Record<string, number>> {
		return { rotations: this.rotations, files_compressed: this.archive.compressed };
	}

	private async start(): Promise<void> {
		await this.openFile();
		if (this.size > 0 && this.fileStart.existing === "aside") {
			const aside = await this.archive.nameFor(this.config.path, new Date());
			await rename(this.config.path, aside);
			await this.handle!.close();
			this.archive.add(aside);
			await this.openFile();
		}
		if (this.size > 0) {
			if (this.hasBegun) await this.endTornLine();
			return;
		}
		const header = this.fileStart.header();
		try {
			if (header.length > 0) await writeFully(this.handle!.fd, header);
		} catch (error) {
			// the next attempt begins anew, instead of going on without its header
			await this.handle!.close();
			this.handle = null;
			throw asWriteError(error);
		}
		this.headerBytes = header.length;
		this.size = header.length;
	}

	private async openFile(): Promise<void> {
		const handle = await open(this.config.path, "a+", 0o600);
		if (this.isClosed) {
			// whoever gave up on this sink does not come back to close it
			await handle.close();
			throw new Retryable("the sink was closed");
		}
		this.handle = handle;
		const facts = await handle.stat();
		this.regular = facts.isFile();
		this.size = this.regular ? facts.size : 0;
		this.bornMs = this.size > 0 ? facts.birthtimeMs : Date.now();
	}

	/** A process that was killed may have left half a line: what comes now begins on its own. */
	private async endTornLine(): Promise<void> {
		const last = Buffer.alloc(1);
		await this.handle!.read(last, 0, 1, this.size - 1);
		if (last[0] === 0x0a) return;
		await writeFully(this.handle!.fd, Buffer.from("\n"));
		this.size++;
	}

	private async rotate(): Promise<void> {
		if (!this.regular) return;
		const { path, fsync } = this.config;
		const handle = this.handle!;
		if (fsync !== "never") await handle.datasync();
		// The old file stays open and in use until the new name is free, so that a failure here loses nothing.
		const aside = await this.archive.nameFor(path, new Date());
		await rename(path, aside);
		this.handle = null;
		await handle.close();
		this.rotations++;
		this.archive.add(aside);
		await this.start();
	}
}

const LINES: FileStart = { header: () => new Uint8Array(0), existing: "lines" };
