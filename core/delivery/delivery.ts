/** Routes every exchange to all sinks, each behind its own queue. */
import { setImmediate as turn } from "node:timers/promises";
import type { Exchange } from "../exchange.js";
import type { Sink } from "../plugin.js";
import { Outlet, type OutletListener, type OutletOptions } from "./outlet.js";
import { hold, settle } from "./releasable.js";

const RELIEF_MS = 10;

export class Delivery {
	private readonly listener: OutletListener;
	private readonly outlets: Outlet[] = [];
	private only: Outlet | null = null;

	constructor(listener: OutletListener) {
		this.listener = listener;
	}

	/** The sink must be open already. */
	add(name: string, sink: Sink, options: OutletOptions): void {
		this.outlets.push(new Outlet(name, sink, options, this.listener));
		this.only = this.outlets.length === 1 ? this.outlets[0]! : null;
	}

	/** What the engine calls for each exchange: synchronous, cheap, never throws. */
	readonly emit = (exchange: Exchange): void => {
		const { outlets, only } = this;
		hold(exchange, outlets.length);
		if (only !== null) {
			only.offer(exchange);
		} else if (outlets.length === 0) {
			hold(exchange, 1);
			settle(exchange);
		} else {
			for (const outlet of outlets) outlet.offer(exchange);
		}
	};

	tick(nowMs: number): void {
		for (const outlet of this.outlets) outlet.tick(nowMs);
	}

	/** True where a whole batch waits for some sink. */
	get behind(): boolean {
		for (const outlet of this.outlets) if (outlet.behind) return true;
		return false;
	}

	/** Gives the sinks that are behind a chance to write, some milliseconds at most. */
	async breathe(): Promise<void> {
		await turn();
		for (const outlet of this.outlets) if (outlet.behind) await outlet.breathe();
	}

	/** Resolves when no sink that writes well has much to write any more, or after a few milliseconds: false then. */
	async relief(): Promise<boolean> {
		for (const outlet of this.outlets) {
			if (!outlet.isCatchingUp) continue;
			await outlet.progress(RELIEF_MS);
			return !outlet.isCatchingUp;
		}
		return true;
	}

	/** True where a queue with `block` is full. */
	get full(): boolean {
		for (const outlet of this.outlets) if (outlet.full) return true;
		return false;
	}

	async room(): Promise<void> {
		for (const outlet of this.outlets) await outlet.room();
	}

	/** Writes all that waits, all sinks at once, each within the deadline. */
	async flush(deadlineMs: number): Promise<void> {
		await Promise.all(this.outlets.map((outlet) => outlet.flush(deadlineMs)));
	}

	/** By sink name. */
	counters(): Record<string, Readonly<Record<string, number>>> {
		return Object.fromEntries(this.outlets.map((outlet) => [outlet.name, outlet.counters()]));
	}
}
