import { setTimeout as sleep } from "node:timers/promises";
import {
	type Advice,
	type CaptureEvent,
	type CaptureSource,
	type Diagnostics,
	KernelClock,
	Processes,
} from "../../core/index.js";
import { CpuBudget } from "./cpu-budget.js";
import { Economy } from "./economy.js";
import { closedAt, KeptCloses } from "./kept-closes.js";
import { kernelCounters } from "./kernel-counters.js";
import { libc } from "./libbpf.js";
import { Pins } from "./pins.js";
import * as layout from "./record-layout.js";
import { Ring } from "./ring.js";
import { type EbpfHostState, Progress } from "./shared.js";
import { askKernel, NOBODY, Sweep } from "./sweep.js";
import { Translator } from "./translator.js";
import { Wakeups } from "./wakeups.js";

const BATCH_EVENTS = 1024;
/** As long as the ring is nearly empty: so many events, then whoever else waits for this processor is let on it. */
const BATCH_EVENTS_CALM = 64;
const NEARLY_EMPTY = 1 / 16;
/** What a batch holds of the ring is free again only when the engine is done with it. */
const BATCH_BYTES = 1 << 20;
/** Between two looks at a ring that had something: where that was much, and where it was little. */
const BUSY_MS = 2;
const CALM_MS = 6;
/** Of the ring's size: so much is little. */
const LITTLE = 1 / 256;
/** So long without a record, then we sleep until the kernel wakes us. */
const IDLE_MS = 40;
const IDLE_WAIT_MS = 100;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_EVENT_BYTES = 12;

/** The worker half: maps the rings that the host made and drains them in place. */
export class EbpfSource implements CaptureSource {
	readonly #state: EbpfHostState;
	readonly #progress: Progress;
	readonly #clock = new KernelClock();
	readonly #translator: Translator;
	readonly #kept: KeptCloses;
	#data: Ring | null = null;
	#control: Ring | null = null;
	#epoll = -1;
	#records = 0;
	#skipped = { records: 0, bytes: 0 };
	/** Unix sockets that were gone before the ring was read as far as it is now. */
	#gone: readonly number[] = [];
	/** What was still in the ring when we had to go. */
	#left: CaptureEvent | null = null;
	readonly #economy: Economy;
	readonly #budget: CpuBudget;
	readonly #wakeups: Wakeups;
	readonly #sweep: Sweep;

	constructor(state: EbpfHostState, maxCpuPercent: number, diagnostics: Diagnostics) {
		this.#state = state;
		this.#progress = new Progress(state.progress);
		this.#kept = new KeptCloses(state.keptClosesFd);
		const isSuccessor = this.#progress.batchEnd > 0;
		const pins = new Pins(state.pins);
		this.#translator = new Translator(new Processes(), this.#clock, isSuccessor, state.copiesOnce, pins);
		this.#translator.bytesRingFull = this.#progress.namedLoss;
		this.#wakeups = new Wakeups(state.wakeupsFd);
		const lost = () => kernelCounters(state.countersFd).closes_lost ?? 0;
		this.#sweep = new Sweep(askKernel(state.alive), lost, performance.now());
		this.#economy = new Economy(state.advicesFd, state.economyFd, this.#translator);
		this.#budget = new CpuBudget(
			maxCpuPercent,
			this.#economy,
			({ name }, percent, isDown) =>
				diagnostics.warn(
					isDown ? "CPU_BUDGET_EXCEEDED" : "CPU_BUDGET_KEPT",
					`${Math.round(percent)} % of a processor, \`max_cpu_percent\` is ${maxCpuPercent}: captured is ${name}`,
					isDown ? "fewer targets, filters that leave out connections, or a larger `max_cpu_percent`" : undefined,
				),
			performance.now(),
			usedUs(),
		);
	}

	async open(): Promise<void> {
		const { dataFd, dataBytes, controlFd, controlBytes } = this.#state;
		this.#data = new Ring(dataFd, dataBytes);
		this.#control = new Ring(controlFd, controlBytes);
		const system = libc();
		this.#epoll = system.epollCreate(0);
		for (const fd of [dataFd, controlFd]) {
			const event = Buffer.alloc(EPOLL_EVENT_BYTES);
			event.writeUInt32LE(EPOLLIN);
			system.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event);
		}
	}

	async *batches(signal: AbortSignal): AsyncIterable<readonly CaptureEvent[]> {
		const data = this.#data;
		const control = this.#control;
		if (data === null || control === null) return;
		const left = this.#skipUnfinished(data);
		if (left !== null) yield [left];
		let busyMs = performance.now();
		for (;;) {
			const isLast = signal.aborted;
			this.#budget.look(performance.now(), usedUs);
			this.#sweep.step(performance.now(), this.#translator.sockets);
			this.#kept.take(performance.now(), isLast || this.#sweep.suspects.length > 0);
			data.refresh();
			control.refresh();
			const from = data.position;
			let any = false;
			let isDrained = false;
			while (!isDrained) {
				const batch: CaptureEvent[] = [];
				this.#translator.startBatch(batch);
				isDrained = this.#drain(data, batch);
				if (!this.#kept.tell(data.position, (record, at) => this.#translator.close(record, at, batch)))
					isDrained = false;
				if (!this.#closes(control, data.position, batch)) isDrained = false;
				if (batch.length === 0) break;
				any = true;
				this.#progress.batchEnd = data.position;
				this.#progress.namedLoss = this.#translator.bytesRingFull;
				yield batch;
				if (this.#isClosed) return yield* this.#farewell();
				data.release();
				control.release();
				if (!isDrained && data.used < data.size * NEARLY_EMPTY) libc().schedYield();
			}
			data.release();
			const lost = this.#lostEnds(data, control);
			if (lost.length > 0) {
				yield lost;
				if (this.#isClosed) return yield* this.#farewell();
			}
			if (this.#gone.length > 0) {
				const batch: CaptureEvent[] = [];
				this.#translator.closeGone(this.#gone, batch);
				yield batch;
				if (this.#isClosed) return yield* this.#farewell();
			}
			const flows: CaptureEvent[] = [];
			this.#translator.udp.tick(Date.now() * 1000, isLast && data.position >= data.limit, flows);
			if (flows.length > 0) {
				yield flows;
				if (this.#isClosed) return yield* this.#farewell();
			}
			this.#gone = this.#translator.unix.gone(performance.now());
			if (isLast && data.position >= data.limit) {
				yield* this.#unnamedLoss();
				return;
			}
			if (this.#translator.needsPackets) this.#progress.askForPackets();
			this.#clock.follow();
			const taken = data.position - from;
			if (any) busyMs = performance.now();
			if (signal.aborted) continue;
			// a ring that filled up this much must be looked at again at once
			if (taken >= data.size >> 3) continue;
			if (performance.now() - busyMs < IDLE_MS) await sleep(taken < data.size * LITTLE ? CALM_MS : BUSY_MS);
			else await this.#wait(data, control);
			if (this.#isClosed) return yield* this.#farewell();
		}
	}

	/** Where `batches` has not ended yet, it does so at its next turn, and tells what of the ring nobody came to read. */
	async close(): Promise<void> {
		const data = this.#data;
		if (data === null) return;
		data.refresh();
		this.#left = this.#skipTo(data, data.limit);
		data.unmap();
		this.#control?.unmap();
		this.#wakeups.unmap();
		libc().close(this.#epoll);
		this.#data = null;
		this.#control = null;
		this.#epoll = -1;
	}

	/** Everything that the kernel has said of those that it does not know any more was read: their end was lost. */
	#lostEnds(data: Ring, control: Ring): CaptureEvent[] {
		const batch: CaptureEvent[] = [];
		const { suspects } = this.#sweep;
		if (suspects.length === 0) return batch;
		if (data.position < data.limit || control.position < control.limit || !this.#kept.isEmpty) return batch;
		this.#sweep.found += this.#translator.closeLost(suspects, batch);
		this.#sweep.suspects = NOBODY;
		return batch;
	}

	get #isClosed(): boolean {
		return this.#data === null;
	}

	*#farewell(): Generator<readonly CaptureEvent[], void> {
		if (this.#left !== null) yield [this.#left];
		yield* this.#unnamedLoss();
	}

	advise(conn: number, advice: Advice): void {
		this.#economy.advise(conn, advice);
	}

	forgetAdvice(): void {
		this.#economy.forget();
	}

	hasRoom(): boolean {
		return this.#data !== null && this.#data.used < this.#data.size >> 1;
	}

	counters(): Readonly<Record<string, number>> {
		return {
			records: this.#records,
			bytes: this.#translator.bytesCaptured,
			bytes_seen: this.#translator.bytesSeen,
			wire_records_duplicate: this.#translator.recordsDuplicate,
			udp_flows_open: this.#translator.udp.openFlows,
			unix_sockets_open: this.#translator.unix.count,
			sockets_open: this.#translator.openSockets,
			tls_connections_open: this.#translator.openPlaintexts,
			sockets_swept: this.#sweep.found,
			advices: this.#economy.advices,
			cpu_budget_stage: this.#budget.stage,
			cpu_budget_steps_down: this.#budget.stepsDown,
			cpu_budget_steps_up: this.#budget.stepsUp,
			cpu_budget_saving_ms: Math.round(this.#budget.savingMs),
			reader_sleeps: this.#wakeups.sleeps,
			records_skipped: this.#skipped.records,
			bytes_skipped: this.#skipped.bytes,
		};
	}

	/** True when there is nothing more to take now. */
	#drain(data: Ring, batch: CaptureEvent[]): boolean {
		const translator = this.#translator;
		const upTo = data.position + BATCH_BYTES;
		const most = data.limit - data.position < data.size * NEARLY_EMPTY ? BATCH_EVENTS_CALM : BATCH_EVENTS;
		while (batch.length < most && data.position < upTo) {
			const at = data.next();
			if (at < 0) return true;
			this.#records++;
			translator.payload(data, at, batch);
		}
		return false;
	}

	/**
	 * Closes say how far the payload ring was: whatever belongs to their connection lies before that. True when there is no
	 * more to take now.
	 */
	#closes(control: Ring, upTo: number, batch: CaptureEvent[]): boolean {
		while (batch.length < BATCH_EVENTS * 2) {
			const before = control.position;
			const at = control.next();
			if (at < 0) return true;
			if (closedAt(control, at) > upTo) {
				control.putBack(before);
				return true;
			}
			this.#translator.close(control, at, batch);
		}
		return false;
	}

	/** What the kernel counted as lost and no record named since, because the record that would have named it was lost too. */
	*#unnamedLoss(): Generator<readonly CaptureEvent[], void> {
		const { ring_full_bytes = 0, control_ring_full_records = 0 } = kernelCounters(this.#state.countersFd);
		const bytes = ring_full_bytes - this.#translator.bytesRingFull;
		if (bytes > 0) yield [{ kind: "loss", bytes, events: control_ring_full_records, cause: "ring-full" }];
	}

	/** The worker before us did not come back from a batch: it is not tried again, and what it held is counted. */
	#skipUnfinished(data: Ring): CaptureEvent | null {
		const end = this.#progress.batchEnd;
		if (end <= data.consumed) return null;
		return this.#skipTo(data, end);
	}

	/** Counts what lies before `end` in the ring as lost. Null: nothing does. */
	#skipTo(data: Ring, end: number): CaptureEvent | null {
		data.limit = end;
		let bytes = 0;
		let events = 0;
		for (let at = data.next(); at >= 0; at = data.next()) {
			events++;
			bytes += data.words[(at + layout.RECORD_LENGTH) >>> 2]!;
		}
		data.release();
		if (events === 0) return null;
		this.#skipped.records += events;
		this.#skipped.bytes += bytes;
		return { kind: "loss", bytes, events, cause: "source-lost" };
	}

	/** Until there is something. The kernel wakes nobody who has not said that he sleeps. */
	async #wait(data: Ring, control: Ring): Promise<void> {
		this.#wakeups.sleep();
		data.refresh();
		control.refresh();
		if (data.position >= data.limit && control.position >= control.limit)
			await libc().epollWait(this.#epoll, Buffer.alloc(EPOLL_EVENT_BYTES * 2), 2, IDLE_WAIT_MS);
		this.#wakeups.wake();
	}
}

/** Processor time of the whole process. */
function usedUs(): number {
	const { user, system } = process.cpuUsage();
	return user + system;
}
