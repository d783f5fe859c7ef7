import type { ReportFiles } from "./files.js";
import { type Conditions, killed, measure, type Sample } from "./measure.js";
import type { Mode } from "./modes.js";
import { estimateSeconds, type Piece, showDuration } from "./plan.js";
import { isPartial, type Kill, type SideBySide } from "./report.js";

const warn = (text: string) => process.stderr.write(`${text}\n`);
const TRIES = 2;
/** A mode started, loaded for 3 s and killed. */
const KILL_SECONDS = 5;

/** One run through all pieces: what is done is on disk after each, and an equal run goes on where an earlier one was cut off. */
export class Run {
	readonly #planned: readonly Piece[];
	readonly #given: Conditions;
	readonly #files: ReportFiles;
	#report: SideBySide;

	constructor(empty: SideBySide, planned: readonly Piece[], given: Conditions, files: ReportFiles) {
		this.#planned = planned;
		this.#given = given;
		this.#files = files;
		this.#report = { ...empty, extent: { ...empty.extent, pieces: planned.length } };
	}

	/** Returns what failed. */
	async all(modes: readonly Mode[]): Promise<{ readonly failed: readonly string[] }> {
		this.#goOn();
		const left = this.#planned.filter(({ name }) => !this.#report.extent.done.includes(name));
		const load = this.#given.warmupSeconds + this.#given.seconds;
		const killing = modes.filter(
			({ name, suits }) =>
				!name.startsWith("none") && suits("http/1.1") === null && !this.#report.kills.some(({ mode }) => mode === name),
		);
		const wholeSeconds = estimateSeconds(left, load);
		const cells = left.reduce((sum, piece) => sum + piece.modes.length, 0);
		warn(`${left.length} pieces, ${cells} cells: about ${showDuration(wholeSeconds + killing.length * KILL_SECONDS)}`);
		for (const mode of killing) {
			const name = `killed in the middle of a load: ${mode.name}`;
			await this.#attempt(name, async () => {
				const kill: Kill = { mode: mode.name, ...(await killed(mode, this.#given)) };
				warn(`  ${kill.failed} of ${kill.requests} requests failed`);
				this.#report = { ...this.#report, kills: [...this.#report.kills, kill] };
			});
		}
		const begun = performance.now();
		for (const [index, piece] of left.entries()) {
			await this.#attempt(piece.name, async () => this.#add(piece, await this.#measure(piece)));
			const path = this.#files.write(this.#report);
			const seconds = (performance.now() - begun) / 1000;
			const rest = estimateSeconds(left.slice(index + 1), load);
			const factor = seconds / (wholeSeconds - rest);
			warn(
				`${index + 1} of ${left.length} pieces after ${showDuration(seconds)}, about ${showDuration(rest * factor)} left; written: ${path}.{json,html}`,
			);
		}
		if (isPartial(this.#report)) warn("PARTIAL: the same command again goes on where it is not done");
		return this.#report.extent;
	}

	#goOn(): void {
		const earlier = this.#files.unfinished(this.#report);
		if (earlier === null) return;
		const { begun, done } = earlier.extent;
		const extent = { ...this.#report.extent, begun: [...begun, ...this.#report.extent.begun], done };
		this.#report = { ...this.#report, cells: earlier.cells, kills: earlier.kills, extent };
		warn(
			`${done.length} pieces are there from ${begun.at(-1)}: going on. To begin anew, delete ${this.#files.partial}.json`,
		);
	}

	async #attempt(name: string, act: () => Promise<void>): Promise<void> {
		for (let attempt = 1; ; attempt++) {
			warn(name);
			try {
				return await act();
			} catch (error) {
				const reason = error instanceof Error ? error.message : String(error);
				warn(`\nFAILED: ${name}: ${reason}`);
				if (attempt < TRIES) continue;
				const { extent } = this.#report;
				const [first] = reason.split("\n");
				this.#report = { ...this.#report, extent: { ...extent, failed: [...extent.failed, `${name}: ${first}`] } };
				return;
			}
		}
	}

	/** Whole or not at all: samples of a piece that fails are thrown away. */
	async #measure({ modes, workload, instances }: Piece): Promise<Map<string, Sample>> {
		const samples = new Map<string, Sample>();
		for (const mode of modes) {
			process.stderr.write(`  ${mode.name}: `);
			const begun = performance.now();
			const sample = await measure(mode, workload, instances, this.#given);
			samples.set(mode.name, sample);
			const { requestsPerSecond, p50Us, p99Us, capturedPercent } = sample;
			const captured = capturedPercent === null ? "" : `, captured ${capturedPercent.toFixed(2)} %`;
			const took = ((performance.now() - begun) / 1000).toFixed(1);
			warn(
				`${Math.round(requestsPerSecond)}/s, p50 ${Math.round(p50Us)} us, p99 ${Math.round(p99Us)} us${captured} (${took} s)`,
			);
		}
		return samples;
	}

	#add({ name, workload, instances }: Piece, samples: ReadonlyMap<string, Sample>): void {
		const cells = [...this.#report.cells];
		for (const [mode, sample] of samples) {
			const at = cells.findIndex((c) => c.workload === workload.name && c.mode === mode && c.instances === instances);
			const old = cells[at] ?? {
				workload: workload.name,
				isFixedRate: workload.isFixedRate,
				mode,
				instances,
				samples: [],
			};
			cells.splice(at === -1 ? cells.length : at, at === -1 ? 0 : 1, { ...old, samples: [...old.samples, sample] });
		}
		const { extent } = this.#report;
		this.#report = { ...this.#report, cells, extent: { ...extent, done: [...extent.done, name] } };
	}
}
