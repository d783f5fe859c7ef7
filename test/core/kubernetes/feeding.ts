/** A feed at work, and what it told. */
import type { ExecutionContext } from "ava";
import { labelChoice } from "../../../core/kubernetes/pod.js";
import type { FeedParts, PodFeed } from "../../../core/kubernetes/pod-feed.js";
import { PodStore } from "../../../core/kubernetes/pod-store.js";
import type { Trouble } from "../../../core/kubernetes/trouble.js";
import { TIMES } from "./fake-server.js";

export interface Feeding {
	readonly feed: PodFeed;
	readonly troubles: Trouble[];
	lists: number;
	/** Names of pods, sorted. */
	names(): readonly (string | undefined)[];
	stop(): Promise<void>;
}

export function feeding(
	t: ExecutionContext,
	make: (isWanted: (name: string) => boolean, parts: FeedParts) => PodFeed,
	times = TIMES,
): Feeding {
	const store = new PodStore(() => {});
	const stop = new AbortController();
	const troubles: Trouble[] = [];
	const feed = make(labelChoice(true), {
		store,
		listed: () => void one.lists++,
		failed: (trouble) => void troubles.push(trouble),
		times,
	});
	const one: Feeding = {
		feed,
		troubles,
		lists: 0,
		names: () =>
			store
				.all()
				.map(({ attributes }) => attributes["k8s.pod.name"])
				.sort(),
		stop: () => {
			stop.abort();
			return running;
		},
	};
	const running = feed.run(stop.signal);
	t.teardown(() => one.stop());
	return one;
}
