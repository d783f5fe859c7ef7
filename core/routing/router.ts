/** Decides for each exchange which of several outlets want it. */
import type { AdviceSubject } from "../advice.js";
import type { Exchange } from "../exchange.js";
import type { Filter } from "./filter.js";
import { couldHold } from "./interest.js";

interface Route<T> {
	readonly outlet: T;
	filter: Filter | null;
	filtered: number;
}

export class Router<T> {
	#routes: Route<T>[];
	/** Filled anew for each exchange. */
	readonly #chosen: T[] = [];

	/** `everything`: outlets that want all. */
	constructor(everything: readonly T[]) {
		this.#routes = everything.map((outlet) => ({ outlet, filter: null, filtered: 0 }));
	}

	add(outlet: T, filter: Filter | null): void {
		this.#routes.push({ outlet, filter, filtered: 0 });
	}

	remove(outlet: T): void {
		this.#routes = this.#routes.filter((route) => route.outlet !== outlet);
	}

	/** Another filter for an outlet that is there. */
	replace(outlet: T, filter: Filter | null): void {
		for (const route of this.#routes) if (route.outlet === outlet) route.filter = filter;
	}

	/** False: no outlet can want any record of such a connection. */
	couldWant(subject: AdviceSubject): boolean {
		return this.#routes.some(({ filter }) => filter?.options === undefined || couldHold(filter.options, subject));
	}

	/** Those that want it. The list is valid until the next call. */
	route(exchange: Exchange): readonly T[] {
		const chosen = this.#chosen;
		chosen.length = 0;
		for (const route of this.#routes) {
			if (route.filter === null || route.filter(exchange)) chosen.push(route.outlet);
			else route.filtered++;
		}
		return chosen;
	}

	/** How many exchanges it did not want; null where it wants everything. */
	filtered(outlet: T): number | null {
		const route = this.#routes.find((one) => one.outlet === outlet);
		return route === undefined || route.filter === null ? null : route.filtered;
	}
}
