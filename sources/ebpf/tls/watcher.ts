import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Inspection, inspect, type ProbePlace } from "./inspection.js";
import { TLS_LIBRARIES } from "./libraries.js";
import { fileAt, type MappedFile, mappedFiles, processIds } from "./mapped-files.js";
import type { Probe, ProbeLinks } from "./probe-links.js";

/** Where distributions keep their libraries: watched before anybody loads them. */
const LIBRARY_FOLDERS = [
	"/usr/lib/x86_64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/usr/lib64",
	"/usr/lib",
	"/lib",
	"/usr/local/lib",
	"/usr/local/lib64",
];
/** Files that are probed at once. */
const MAX_FILES = 1024;
/** Files that were looked at and are no TLS library. */
const MAX_PLAIN_FILES = 16_384;
/** A program that has just begun loads its libraries within the first of these, as a rule. */
const LOOK_AGAIN_MS = [0, 4, 20, 100, 500, 2000];
/** Processes that wait to be looked at; beyond it all are looked at, once, in a while. */
const MAX_WAITING = 512;
const SCAN_AGAIN_MS = 2000;
const ENOENT = 2;

export interface WatchedFile {
	readonly path: string;
	readonly library: string;
	readonly probes: number;
}

/** Why a file that has TLS inside is not probed. */
export type Refusal = "limit" | "kernel";

/** Finds TLS libraries, in whatever mount namespace, and has them probed: each file once, for all processes that load it. */
export class TlsWatcher {
	readonly watched: WatchedFile[] = [];
	readonly refused: Record<Refusal, number> = { limit: 0, kernel: 0 };
	readonly #links: ProbeLinks;
	readonly #onWatched: (epoch: number, library: number) => void;
	readonly #onRefused: (path: string, library: string, why: Refusal, error: number) => void;
	readonly #known = new Set<string>();
	readonly #plain = new Set<string>();
	readonly #waiting = new Map<number, NodeJS.Timeout>();
	#scan: NodeJS.Timeout | null = null;

	/** `onWatched` is told the number of files that are watched whenever there is one more. */
	constructor(
		links: ProbeLinks,
		onWatched: (epoch: number, library: number) => void,
		onRefused: (path: string, library: string, why: Refusal, error: number) => void,
	) {
		this.#links = links;
		this.#onWatched = onWatched;
		this.#onRefused = onRefused;
	}

	/** Everything that is there now. */
	scan(): void {
		for (const folder of LIBRARY_FOLDERS)
			for (const name of namesIn(folder)) {
				if (!isLibraryName(name)) continue;
				const file = fileAt(join(folder, name));
				if (file !== null) this.#look(file);
			}
		for (const pid of processIds()) this.#lookAt(pid, isLibraryName);
	}

	/** A process has begun another program. */
	onExec(pid: number): void {
		if (this.#waiting.has(pid)) clearTimeout(this.#waiting.get(pid));
		else if (this.#waiting.size >= MAX_WAITING) {
			this.#scanLater();
			return;
		}
		this.#wait(pid, 0);
	}

	/** A process speaks TLS by something that is not watched: whatever it has loaded is looked into. */
	onTls(pid: number): void {
		this.#lookAt(pid, () => true);
	}

	/** Takes all probes away. */
	close(): void {
		for (const timer of this.#waiting.values()) clearTimeout(timer);
		this.#waiting.clear();
		if (this.#scan !== null) clearTimeout(this.#scan);
		this.#links.close();
	}

	#wait(pid: number, step: number): void {
		const delay = LOOK_AGAIN_MS[step];
		if (delay === undefined) {
			this.#waiting.delete(pid);
			return;
		}
		const timer = setTimeout(
			() => {
				this.#lookAt(pid, isLibraryName);
				this.#wait(pid, step + 1);
			},
			delay - (LOOK_AGAIN_MS[step - 1] ?? 0),
		);
		timer.unref();
		this.#waiting.set(pid, timer);
	}

	#scanLater(): void {
		if (this.#scan !== null) return;
		this.#scan = setTimeout(() => {
			this.#scan = null;
			this.scan();
		}, SCAN_AGAIN_MS);
		this.#scan.unref();
	}

	#lookAt(pid: number, isWanted: (name: string) => boolean): void {
		for (const file of mappedFiles(pid, isWanted)) this.#look(file);
	}

	#look(file: MappedFile): void {
		if (this.#known.has(file.key) || this.#plain.has(file.key)) return;
		const found = inspect(file.path);
		if (found === null) {
			// looked at again some day, which costs only time
			if (this.#plain.size >= MAX_PLAIN_FILES) this.#plain.clear();
			this.#plain.add(file.key);
			return;
		}
		this.#known.add(file.key);
		if (this.watched.length >= MAX_FILES) this.#refuse(file, found, "limit", 0);
		else this.#watch(file, found);
	}

	#watch(file: MappedFile, found: Inspection): void {
		const epoch = this.watched.length + 1;
		const probesOf = (places: readonly ProbePlace[]): Probe[] =>
			places.map(({ offset, does }) => ({
				offset,
				cookie: BigInt(epoch) | (BigInt(found.number) << 32n) | (BigInt(does) << 40n),
			}));
		const error = this.#links.attach(file.path, probesOf(found.entries), probesOf(found.returns));
		if (error !== 0) {
			// its process ended meanwhile; another may have the same file
			if (error === ENOENT) this.#known.delete(file.key);
			else this.#refuse(file, found, "kernel", error);
			return;
		}
		const probes = found.entries.length + found.returns.length;
		this.watched.push({ path: file.path, library: found.library, probes });
		this.#onWatched(epoch, found.number);
	}

	#refuse(file: MappedFile, found: Inspection, why: Refusal, error: number): void {
		this.refused[why]++;
		this.#onRefused(file.path, found.library, why, error);
	}
}

function isLibraryName(name: string): boolean {
	return TLS_LIBRARIES.some(({ file }) => file.test(name));
}

function namesIn(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}
