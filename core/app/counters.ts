/** Flat counters of one part: snake_case names with units. */
export type Counters = Readonly<Record<string, number>>;

export interface CounterGroups {
	readonly engine: Counters;
	/** By the name in the config. */
	readonly sources: Readonly<Record<string, Counters>>;
	/** By protocol: only what went wrong. */
	readonly parsers: Readonly<Record<string, Counters>>;
	readonly sinks: Readonly<Record<string, Counters>>;
}

export const NO_COUNTERS: CounterGroups = { engine: {}, sources: {}, parsers: {}, sinks: {} };

/** Two counts of the same things: added, high-water marks by the larger one. */
export function sumCounters(left: Counters, right: Counters): Counters {
	const sum: Record<string, number> = { ...left };
	for (const [name, value] of Object.entries(right)) {
		const before = sum[name] ?? 0;
		sum[name] = name.endsWith("_high_water") ? Math.max(before, value) : before + value;
	}
	return sum;
}

export function sumGroups(left: CounterGroups, right: CounterGroups): CounterGroups {
	return {
		engine: sumCounters(left.engine, right.engine),
		sources: sumByName(left.sources, right.sources),
		parsers: sumByName(left.parsers, right.parsers),
		sinks: sumByName(left.sinks, right.sinks),
	};
}

/** The last counters of a worker that is no more: what still waited there was lost with it. */
export function buried(groups: CounterGroups): CounterGroups {
	const {
		connections_open: open = 0,
		bytes_held: _,
		correlation_connections_held: __,
		correlation_held: held,
		...engine
	} = groups.engine;
	const sinks = Object.entries(groups.sinks).map(([name, counters]): [string, Counters] => [
		name,
		withoutWaiting(counters),
	]);
	return {
		engine: {
			...engine,
			connections_lost_with_worker: open,
			...(held === undefined ? {} : { correlation_lost_with_worker: held }),
		},
		sources: groups.sources,
		parsers: groups.parsers,
		sinks: Object.fromEntries(sinks),
	};
}

/** What its spool has is found again by the next worker, which must not count twice. */
function withoutWaiting(counters: Counters): Counters {
	const { waiting = 0, spool_found, spool_waiting = 0, spool_bytes: _, ...rest } = counters;
	const found = spool_found === undefined ? {} : { spool_found: spool_found - spool_waiting };
	return { ...rest, ...found, lost_with_worker: waiting };
}

function sumByName(left: Readonly<Record<string, Counters>>, right: Readonly<Record<string, Counters>>) {
	const sum: Record<string, Counters> = { ...left };
	for (const [name, counters] of Object.entries(right)) sum[name] = sumCounters(sum[name] ?? {}, counters);
	return sum;
}

/** A plugin's counters; one that throws has none. */
export function countersOf(plugin: { counters?(): Counters }): Counters {
	try {
		return plugin.counters?.() ?? {};
	} catch {
		return {};
	}
}
