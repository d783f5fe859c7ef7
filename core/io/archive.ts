import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Diagnostics } from "../plugin.js";
import type { FileOptions } from "./file-options.js";

/** What becomes of rotated files: a name, compression one at a time in the background, and the oldest are removed. */
export class Archive {
	compressed = 0;
	private readonly config: FileOptions;
	private readonly diagnostics: Diagnostics;
	private work: Promise<void> = Promise.resolve();

	constructor(config: FileOptions, diagnostics: Diagnostics) {
		this.config = config;
		this.diagnostics = diagnostics;
	}

	/** `exchanges.jsonl` becomes `exchanges-20260102T030405123Z.jsonl`, or the next free millisecond: names sort by age. */
	async nameFor(path: string, now: Date): Promise<string> {
		const extension = extname(path);
		const stem = path.slice(0, path.length - extension.length);
		for (let ms = now.getTime(); ; ms++) {
			const stamp = new Date(ms).toISOString().replaceAll(/[-:.]/g, "");
			const name = `${stem}-${stamp}${extension}`;
			const taken = [name, `${name}.gz`, `${name}.gz.partial`];
			if (!(await Promise.all(taken.map(exists))).includes(true)) return name;
		}
	}

	/** Takes charge of a rotated file. Failures are told and leave the plain file. */
	add(path: string): void {
		this.work = this.work.then(() => this.treat(path)).catch((error: unknown) => this.complain(path, error));
	}

	/** Resolves when all that was added is done. */
	settled(): Promise<void> {
		return this.work;
	}

	private async treat(path: string): Promise<void> {
		// Where files are rotated faster than they are compressed, it may have been the oldest already.
		if (this.config.gzip && (await exists(path))) {
			// Complete under its final name or not there at all.
			const unfinished = `${path}.gz.partial`;
			try {
				await pipeline(createReadStream(path), createGzip(), createWriteStream(unfinished, { mode: 0o600 }));
				await rename(unfinished, `${path}.gz`);
			} catch (error) {
				await rm(unfinished, { force: true });
				throw error;
			}
			await rm(path);
			this.compressed++;
		}
		if (this.config.keep_files !== null) await this.removeOldest(this.config.keep_files);
	}

	private async removeOldest(keep: number): Promise<void> {
		const folder = dirname(this.config.path);
		const extension = extname(this.config.path);
		const stem = `${basename(this.config.path, extension)}-`;
		const rotated = (await readdir(folder))
			.filter((name) => name.startsWith(stem) && /^\d{8}T\d{9}Z/.test(name.slice(stem.length)))
			.filter((name) => name.endsWith(extension) || name.endsWith(`${extension}.gz`))
			.sort();
		for (const name of rotated.slice(0, Math.max(0, rotated.length - keep))) await rm(join(folder, name));
	}

	private complain(path: string, error: unknown): void {
		const reason = error instanceof Error ? error.message : String(error);
		this.diagnostics.warn("SINK_WRITE_FAILED", `rotated file ${path} could not be compressed or removed: ${reason}`);
	}
}

async function exists(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}
