import { libbpf, libc, type Pointer } from "./libbpf.js";

/** `struct bpf_prog_info` with `recursion_misses`, and where in it they are. */
const INFO_BYTES = 216;
const RUN_TIME_AT = 192;
const RUNS_AT = 200;
const MISSES_AT = 208;
const BPF_STATS_RUN_TIME = 0;
/** Measuring costs each run two looks at the clock, so it is done for a part of the time. */
const MEASURE_MS = 1_000;
const EVERY_MS = 10_000;

/**
 * What the kernel counts of our programs: events that they were not run for because they interrupted them on the same
 * processor, always; runs and their time for one second in ten.
 */
export class ProgramStats {
	readonly #programs = new Map<string, Pointer>();
	#fd = -1;
	#timer: NodeJS.Timeout | null = null;

	add(name: string, program: Pointer): void {
		this.#programs.set(name, program);
		if (this.#timer === null) this.#measure();
	}

	close(): void {
		clearTimeout(this.#timer ?? undefined);
		this.#rest();
		this.#programs.clear();
	}

	counters(): Record<string, number> {
		const counters: Record<string, number> = {};
		for (const [name, program] of this.#programs) {
			const info = new Uint8Array(INFO_BYTES);
			if (libbpf().objectInfo(libbpf().programFd(program), info, [INFO_BYTES]) !== 0) continue;
			const at = new DataView(info.buffer);
			const number = (offset: number): number => Number(at.getBigUint64(offset, true));
			counters[`program_runs_measured{program="${name}"}`] = number(RUNS_AT);
			counters[`program_time_us_measured{program="${name}"}`] = Math.round(number(RUN_TIME_AT) / 1000);
			counters[`program_misses{program="${name}"}`] = number(MISSES_AT);
		}
		return counters;
	}

	#measure(): void {
		this.#fd = libbpf().enableStats(BPF_STATS_RUN_TIME);
		this.#after(MEASURE_MS, () => {
			this.#rest();
			this.#after(EVERY_MS - MEASURE_MS, () => this.#measure());
		});
	}

	#rest(): void {
		if (this.#fd >= 0) libc().close(this.#fd);
		this.#fd = -1;
	}

	#after(ms: number, then: () => void): void {
		this.#timer = setTimeout(then, ms);
		this.#timer.unref();
	}
}
