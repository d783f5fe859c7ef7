/**
 * The cluster's knowledge of this node's pods. Lives in the main thread, beside what else outlives a worker: its requests and
 * its JSON never stand in the way of a byte.
 */
import { hostname } from "node:os";
import type { Diagnostics } from "../plugin.js";
import { ApiServerFeed } from "./api-server-feed.js";
import { KubeletFeed } from "./kubelet-feed.js";
import { labelChoice, type Pod } from "./pod.js";
import { FEED_TIMES, type FeedParts, type FeedTimes, type PodFeed } from "./pod-feed.js";
import { type PodChange, PodStore } from "./pod-store.js";
import type { KubernetesOptions } from "./schema.js";
import type { Trouble } from "./trouble.js";

/** Capturing begins so much later at the most: connections that are open already are named from the start then. */
const FIRST_LIST_MS = 3_000;
const LOOK_MS = 1_000;
/** Of an answer: some hundred pods have some megabytes. */
const MOST_BYTES = 67_108_864;

export class Kubernetes {
	/** Hears of pods from here on. */
	onChange: (change: PodChange) => void = () => {};
	readonly #store = new PodStore((change) => this.onChange(change));
	readonly #feed: PodFeed;
	readonly #diagnostics: Diagnostics;
	readonly #options: KubernetesOptions;
	readonly #stop = new AbortController();
	#running: Promise<void> = Promise.resolve();
	#lists = 0;
	#failures = 0;
	#firstEnd: () => void = () => {};

	/** Pure: opens nothing. */
	constructor(options: KubernetesOptions, diagnostics: Diagnostics, times: FeedTimes = FEED_TIMES) {
		this.#options = options;
		this.#diagnostics = diagnostics;
		const parts: FeedParts = {
			store: this.#store,
			listed: () => {
				this.#lists++;
				this.#firstEnd();
			},
			failed: (trouble) => {
				this.#firstEnd();
				this.#failed(trouble);
			},
			times,
		};
		this.#feed = feedOf(options, parts);
	}

	/** Resolves when the pods are known, or it turned out that they are not, or after 3 s. */
	async open(): Promise<void> {
		const first = new Promise<void>((resolve) => {
			this.#firstEnd = resolve;
			setTimeout(resolve, FIRST_LIST_MS).unref();
		});
		this.#running = this.#feed.run(this.#stop.signal);
		await first;
	}

	/** Idempotent, legal before `open`. */
	async close(): Promise<void> {
		this.#stop.abort();
		this.#firstEnd();
		await this.#running;
	}

	pods(): readonly Pod[] {
		return this.#store.all();
	}

	/** A worker sees a process of a pod, or of a container, that it was not told of. */
	lookFor(id: string): void {
		this.#feed.lookFor?.(id);
	}

	counters(): Readonly<Record<string, number>> {
		return {
			kubernetes_pods_held: this.#store.size,
			kubernetes_pods_left_out: this.#store.leftOut,
			kubernetes_lists: this.#lists,
			kubernetes_failures: this.#failures,
		};
	}

	#failed({ kind, message }: Trouble): void {
		// that the watched versions were forgotten is how it is meant to be
		if (kind === "gone") return;
		this.#failures++;
		const { source } = this.#options;
		if (kind === "refused") this.#diagnostics.warn("KUBERNETES_REFUSED", message, RIGHTS[source]);
		else this.#diagnostics.warn("KUBERNETES_UNREACHABLE", message, UNREACHABLE);
	}
}

const UNREACHABLE = "capture goes on, and pods that are not known yet have no names; it is tried again";
const RIGHTS = {
	"api-server": "its account needs get, list and watch of pods: deploy/kubernetes/daemonset.yaml has the role",
	kubelet: "its account needs get of nodes/proxy (or nodes/pods): deploy/kubernetes/daemonset.yaml has the role",
} as const;

/** Where nobody says otherwise the name of the host, which is what kubelets call their node. */
export function nodeNameOf({ node_name }: KubernetesOptions): string {
	const { NODE_NAME: given = "" } = process.env;
	return node_name ?? (given === "" ? hostname().toLowerCase() : given);
}

function feedOf(options: KubernetesOptions, parts: FeedParts): PodFeed {
	const node = nodeNameOf(options);
	const isWanted = labelChoice(options.labels);
	const common = {
		node,
		tokenFile: options.token_file ?? null,
		caFile: options.ca_file ?? null,
		isInsecure: options.insecure_skip_tls_verify,
		maxBytes: MOST_BYTES,
	};
	if (options.source === "api-server")
		return new ApiServerFeed({ ...common, kubeconfig: options.kubeconfig ?? null }, isWanted, parts);
	const url = options.kubelet_url ?? `https://${node}:10250`;
	return new KubeletFeed({ ...common, url, refreshMs: options.refresh_secs * 1000, lookMs: LOOK_MS }, isWanted, parts);
}
