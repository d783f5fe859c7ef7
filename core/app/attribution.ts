/**
 * Follows plugins through their promises and timers, so that a loop behind an `await` has a name, too. It makes every promise
 * of the thread dearer, so a worker does it only after another one hung or died and nobody knew in whose code.
 */
import { createHook, executionAsyncResource } from "node:async_hooks";
import type { Pulse } from "./pulse.js";

/** Returns what ends it. */
export function attributeContinuations(pulse: Pulse): () => void {
	const owners = new WeakMap<object, number>();
	const hook = createHook({
		init(_id, _type, _trigger, resource) {
			const { owner } = pulse;
			if (owner !== 0) owners.set(resource, owner);
		},
		before() {
			pulse.enter(owners.get(executionAsyncResource()) ?? 0);
		},
		after() {
			pulse.enter(0);
		},
	});
	hook.enable();
	return () => hook.disable();
}
