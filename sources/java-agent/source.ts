import { setTimeout as sleep } from "node:timers/promises";
import type { CaptureEvent, CaptureSource, SourceContext } from "../../core/index.js";
import { Bridge } from "./bridge.js";
import type { JavaOptions } from "./options.js";

const IDLE_MS = 100;
/** When polytap stops, what agents have just sent is still taken, for so long. */
const LAST_WORDS_MS = 300;
const QUIET_MS = 60;

/** Listens for agents in JVMs and yields what they send. */
export class JavaSource implements CaptureSource {
	readonly #options: JavaOptions;
	readonly #context: SourceContext;
	#bridge: Bridge | null = null;
	#isClosed = false;

	constructor(options: JavaOptions, context: SourceContext) {
		this.#options = options;
		this.#context = context;
	}

	async open(signal: AbortSignal): Promise<void> {
		const bridge = new Bridge(this.#options, this.#context.diagnostics);
		await bridge.open();
		this.#bridge = bridge;
		if (signal.aborted) await this.close();
	}

	async *batches(signal: AbortSignal): AsyncIterable<readonly CaptureEvent[]> {
		const bridge = this.#bridge;
		if (bridge === null) return;
		const wake = () => bridge.outbox.wake();
		signal.addEventListener("abort", wake, { once: true });
		let endMs = 0;
		let quietMs = 0;
		while (!this.#isClosed) {
			const taken = bridge.outbox.take();
			if (taken !== null) {
				quietMs = 0;
				yield taken.events;
				taken.done();
				bridge.refill();
				continue;
			}
			if (signal.aborted) {
				const now = performance.now();
				endMs ||= now + LAST_WORDS_MS;
				quietMs ||= now + QUIET_MS;
				if (now >= endMs || now >= quietMs) break;
				await sleep(10);
			} else await bridge.outbox.wait(IDLE_MS);
		}
		signal.removeEventListener("abort", wake);
		bridge.stopReading();
		for (let taken = bridge.outbox.take(); taken !== null; taken = bridge.outbox.take()) {
			yield taken.events;
			taken.done();
		}
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		this.#bridge?.close();
	}

	hasRoom(): boolean {
		return this.#bridge?.hasRoom ?? true;
	}

	counters(): Readonly<Record<string, number>> {
		return this.#bridge?.flatCounters() ?? {};
	}

	/** Where it listens, as an agent's argument says it. */
	get listening(): string {
		return this.#bridge?.listening ?? "";
	}
}
