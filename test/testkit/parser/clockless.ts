/** Thrown where a parser looks at a clock. */
export class ClockRead extends Error {
	override readonly name = "ClockRead";
}

function refuse(): never {
	throw new ClockRead("it asked what time it is");
}

const RealDate = Date;
const ClocklessDate = new Proxy(RealDate, {
	construct: (target, args: unknown[]) => (args.length === 0 ? refuse() : Reflect.construct(target, args)),
	apply: refuse,
	get: (target, key) => (key === "now" ? refuse : Reflect.get(target, key)),
});

/** Calls `act`, in which `Date`, `performance` and `process.hrtime` tell no time. Synchronous, so nobody else notices. */
export function withoutClock<T>(act: () => T): T {
	const { performance: realPerformance, Date: realDate } = globalThis;
	const { hrtime } = process;
	const now = Object.getOwnPropertyDescriptor(realPerformance, "now");
	globalThis.Date = ClocklessDate;
	Object.defineProperty(realPerformance, "now", { value: refuse, configurable: true, writable: true });
	process.hrtime = Object.assign(refuse, { bigint: refuse });
	try {
		return act();
	} finally {
		globalThis.Date = realDate;
		process.hrtime = hrtime;
		if (now === undefined) Reflect.deleteProperty(realPerformance, "now");
		else Object.defineProperty(realPerformance, "now", now);
	}
}
