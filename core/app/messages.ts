/** What the main thread and a worker say to each other. Exchanges never cross. */

import type { Pod } from "../kubernetes/pod.js";
import type { PodChange } from "../kubernetes/pod-store.js";
import type { PipelineSettings } from "./compose.js";
import type { CounterGroups } from "./counters.js";
import type { Notice } from "./notice.js";
import type { PipelineStates } from "./pipeline.js";
import type { ReloadChange } from "./sink-set.js";

export interface WorkerStart {
	readonly settings: PipelineSettings;
	readonly pulse: SharedArrayBuffer;
	/** Those of this node; absent: nobody asks for them. */
	readonly pods?: readonly Pod[];
}

export type FromWorker =
	/** Every source that could be opened captures. */
	| { readonly kind: "ready"; readonly capturing: string }
	/** Nothing can be captured or written. The worker ends. */
	| { readonly kind: "failed"; readonly notice: Notice }
	/** About four times a second, so that a worker that dies has left its counts. */
	| { readonly kind: "counters"; readonly counters: CounterGroups; readonly states: PipelineStates }
	| { readonly kind: "warn"; readonly notice: Notice; readonly origin: string }
	| { readonly kind: "info"; readonly message: string }
	/** Nothing waits any more: only closing is left. */
	| { readonly kind: "written" }
	/** What a reload needs is open; or it cannot be had, and nothing changed. */
	| { readonly kind: "prepared"; readonly problem: Notice | null }
	| { readonly kind: "committed" }
	/** A process is in a pod, or in a container of one, that the worker was not told of. */
	| { readonly kind: "unknown-pod"; readonly id: string }
	/** Whoever read standard output went away. */
	| { readonly kind: "broken-pipe" }
	/** All is written and closed. */
	| { readonly kind: "ended"; readonly counters: CounterGroups; readonly failures: readonly Notice[] };

export type ToWorker =
	| { readonly kind: "stop" }
	| { readonly kind: "pods"; readonly change: PodChange }
	/** First half of a reload; `commit` or `discard` follows where it was prepared. */
	| { readonly kind: "prepare"; readonly change: ReloadChange }
	| { readonly kind: "commit" }
	| { readonly kind: "discard" };
