import type { Flow } from "./flow.js";

/** Flows by the time of their last packet. Every operation is constant in time; a flow is in one list at the most. */
export class FlowList<F extends Flow = Flow> {
	length = 0;
	#oldest: Flow | null = null;
	#newest: Flow | null = null;

	get oldest(): F | null {
		return this.#oldest as F | null;
	}

	/** Makes `flow` the newest one here, wherever it was before. */
	touch(flow: F): void {
		if (this.#newest === flow) return;
		flow.list?.remove(flow);
		flow.list = this;
		flow.older = this.#newest;
		flow.newer = null;
		if (this.#newest === null) this.#oldest = flow;
		else this.#newest.newer = flow;
		this.#newest = flow;
		this.length++;
	}

	remove(flow: Flow): void {
		if (flow.list !== this) return;
		if (flow.older === null) this.#oldest = flow.newer;
		else flow.older.newer = flow.newer;
		if (flow.newer === null) this.#newest = flow.older;
		else flow.newer.older = flow.older;
		flow.list = null;
		flow.older = null;
		flow.newer = null;
		this.length--;
	}
}
