import type { Exchange } from "../../../core/index.js";

/** What a sink did with an exchange that it may not do; null: nothing. */
export interface Lease {
	isOver: boolean;
	misuse: string | null;
}

/** The same record, which notices whoever changes it, or reads it when its time is over. */
export function lend(exchange: Exchange, lease: Lease): Exchange {
	return wrap(exchange, lease) as Exchange;
}

function wrap(target: object, lease: Lease): object {
	const changed = (key: PropertyKey): boolean => {
		lease.misuse ??= `"${String(key)}" of an exchange was changed`;
		return true;
	};
	return new Proxy(target, {
		get(object, key, receiver) {
			if (lease.isOver) lease.misuse ??= `"${String(key)}" of an exchange was read after its write had settled`;
			const value: unknown = Reflect.get(object, key, receiver);
			return typeof value === "object" && value !== null ? wrap(value, lease) : value;
		},
		set: (_object, key) => changed(key),
		deleteProperty: (_object, key) => changed(key),
		defineProperty: (_object, key) => changed(key),
	});
}
