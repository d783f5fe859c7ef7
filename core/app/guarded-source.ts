import type { CaptureEvent } from "../events.js";
import type { CaptureSource } from "../plugin.js";
import { eventProblem } from "./event-check.js";
import { onlyNumbers } from "./guarded-sink.js";
import type { Pulse } from "./pulse.js";
import { missingFunction } from "./shape.js";

const FUNCTIONS = ["open", "batches", "close"] as const;

/**
 * Runs `create` and gives the same source, telling the pulse while it runs. Throws where it is no source. `isForeign`: its
 * events are looked at, and one that the contract does not allow ends the source before the engine sees it.
 */
export function guardedSource(
	create: () => CaptureSource,
	owner: number,
	pulse: Pulse,
	isForeign: boolean,
): CaptureSource {
	const made: unknown = pulse.run(owner, create);
	const lacking = missingFunction(made, FUNCTIONS);
	if (lacking !== null) throw new TypeError(`what create() returned has no ${lacking}()`);
	const source = made as CaptureSource;
	const guarded: CaptureSource = {
		open: async (signal) => {
			await pulse.run(owner, () => source.open(signal));
		},
		batches: (signal) => guardedBatches(source, signal, owner, pulse, isForeign),
		close: async () => {
			await pulse.run(owner, () => source.close());
		},
	};
	if (typeof source.hasRoom === "function") guarded.hasRoom = () => source.hasRoom?.() === true;
	if (typeof source.advise === "function") guarded.advise = (conn, advice) => source.advise?.(conn, advice);
	if (typeof source.forgetAdvice === "function") guarded.forgetAdvice = () => source.forgetAdvice?.();
	if (typeof source.counters === "function")
		guarded.counters = () => onlyNumbers(pulse.run(owner, () => source.counters?.()));
	return guarded;
}

function guardedBatches(
	source: CaptureSource,
	signal: AbortSignal,
	owner: number,
	pulse: Pulse,
	isForeign: boolean,
): AsyncIterable<readonly CaptureEvent[]> {
	const iterator = pulse.run(owner, () => source.batches(signal)[Symbol.asyncIterator]());
	const next = () => iterator.next();
	const ask = () => pulse.run(owner, next);
	const checked = async () => {
		const result = await ask();
		if (result.done !== true) check(result.value);
		return result;
	};
	return {
		[Symbol.asyncIterator]: () => ({
			next: isForeign ? checked : ask,
			return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
		}),
	};
}

function check(batch: unknown): void {
	if (!Array.isArray(batch)) throw new TypeError("a batch is not a list of events");
	for (const event of batch) {
		const problem = eventProblem(event);
		if (problem !== null) throw new TypeError(`an event that the contract does not allow: ${problem}`);
	}
}
