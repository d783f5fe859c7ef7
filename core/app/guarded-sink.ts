import type { Sink } from "../plugin.js";
import type { Pulse } from "./pulse.js";
import { isObject, missingFunction } from "./shape.js";

const FUNCTIONS = ["open", "write", "close"] as const;

/** Runs `create` and gives the same sink, telling the pulse while it runs. Throws where it is no sink. */
export function guardedSink(create: () => Sink, owner: number, pulse: Pulse): Sink {
	const sink: unknown = pulse.run(owner, create);
	const lacking = missingFunction(sink, FUNCTIONS);
	if (lacking !== null) throw new TypeError(`what create() returned has no ${lacking}()`);
	return new GuardedSink(sink as Sink, owner, pulse);
}

class GuardedSink implements Sink {
	readonly maxInFlight: number;
	readonly keepsOrder?: true;
	readonly counters?: () => Readonly<Record<string, number>>;
	private readonly sink: Sink;
	private readonly owner: number;
	private readonly pulse: Pulse;

	constructor(sink: Sink, owner: number, pulse: Pulse) {
		const { maxInFlight } = sink;
		if (!Number.isInteger(maxInFlight) || maxInFlight < 1)
			throw new TypeError(`its maxInFlight is ${String(maxInFlight)}, not a whole number from 1`);
		this.maxInFlight = maxInFlight;
		if ("keepsOrder" in sink && sink.keepsOrder === true) this.keepsOrder = true;
		this.sink = sink;
		this.owner = owner;
		this.pulse = pulse;
		if (typeof sink.counters === "function")
			this.counters = () => onlyNumbers(pulse.run(owner, () => sink.counters?.()));
	}

	async open(signal: AbortSignal): Promise<void> {
		await this.pulse.run(this.owner, () => this.sink.open(signal));
	}

	write(batch: Parameters<Sink["write"]>[0], signal: AbortSignal): Promise<void> {
		const { pulse, sink } = this;
		// no closure: it is called for every batch
		const before = pulse.owner;
		pulse.enter(this.owner);
		try {
			return sink.write(batch, signal);
		} finally {
			pulse.enter(before);
		}
	}

	async close(): Promise<void> {
		await this.pulse.run(this.owner, () => this.sink.close());
	}
}

/** Counters as a plugin gives them: what is no number is left out. */
export function onlyNumbers(counters: unknown): Readonly<Record<string, number>> {
	if (!isObject(counters)) return {};
	const numbers: Record<string, number> = {};
	for (const [name, value] of Object.entries(counters))
		if (typeof value === "number" && Number.isFinite(value)) numbers[name] = value;
	return numbers;
}
