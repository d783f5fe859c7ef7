import type { Sink } from "../plugin.js";

/**
 * A sink that takes the place of another one of the same name: it writes when that one has written all it had, so that the
 * order is kept where both write to one place.
 */
export function successor(sink: Sink, predecessorDone: Promise<void>): Sink {
	let isFirst = true;
	void predecessorDone.then(() => {
		isFirst = false;
	});
	const counters = sink.counters?.bind(sink);
	const keepsOrder = "keepsOrder" in sink && sink.keepsOrder === true ? { keepsOrder: true as const } : {};
	return {
		...keepsOrder,
		maxInFlight: sink.maxInFlight,
		open: async () => {},
		write: (batch, signal) => {
			if (!isFirst) return sink.write(batch, signal);
			// the time limit is for the sink, which has not been asked yet
			return predecessorDone.then(() => sink.write(batch, signal.aborted ? new AbortController().signal : signal));
		},
		close: () => sink.close(),
		...(counters === undefined ? {} : { counters }),
	};
}
