/** Pods as the node's own kubelet lists them. */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { Asked } from "./asked.js";
import { getJson } from "./json-request.js";
import { type LabelChoice, podOf } from "./pod.js";
import { type FeedParts, inRounds, notAList, type PodFeed, pause } from "./pod-feed.js";
import { podList } from "./pod-object.js";
import { readable, SERVICE_ACCOUNT } from "./service-account.js";
import { Trouble } from "./trouble.js";

export interface KubeletOptions {
	readonly url: string;
	readonly node: string;
	readonly tokenFile: string | null;
	readonly caFile: string | null;
	readonly isInsecure: boolean;
	readonly refreshMs: number;
	/** Between two looks for pods that are not in the list. */
	readonly lookMs: number;
	readonly maxBytes: number;
}

export class KubeletFeed implements PodFeed {
	readonly #options: KubeletOptions;
	readonly #isWanted: LabelChoice;
	readonly #parts: FeedParts;
	readonly #asked = new Asked();
	#isMissing = false;
	/** Ends the wait for the next round. */
	#wake: () => void = () => {};

	constructor(options: KubeletOptions, isWanted: LabelChoice, parts: FeedParts) {
		this.#options = options;
		this.#isWanted = isWanted;
		this.#parts = parts;
	}

	async run(signal: AbortSignal): Promise<void> {
		const { refreshMs, lookMs } = this.#options;
		await inRounds(
			async (sound) => {
				this.#isMissing = false;
				await this.#fetch(signal);
				sound();
				await pause(Math.min(lookMs, refreshMs), signal);
				if (!this.#isMissing) await this.#waitFor(refreshMs * (1 + Math.random() / 10) - lookMs, signal);
			},
			this.#parts,
			signal,
		);
	}

	lookFor(id: string): void {
		if (!this.#asked.isNew(id)) return;
		this.#isMissing = true;
		this.#wake();
	}

	async #waitFor(ms: number, signal: AbortSignal): Promise<void> {
		const woken = new AbortController();
		this.#wake = () => woken.abort();
		await pause(Math.max(0, ms), AbortSignal.any([signal, woken.signal]));
		this.#wake = () => {};
	}

	async #fetch(signal: AbortSignal): Promise<void> {
		const { url, node, maxBytes } = this.#options;
		const { times, store, listed } = this.#parts;
		const target = new URL("pods", url.endsWith("/") ? url : `${url}/`);
		const limits = { timeoutMs: times.answerMs, maxBytes };
		const list = podList(await getJson(target, await this.#credentials(target), limits, signal));
		if (list === null) throw notAList(target.host);
		store.replace(list.pods.map((pod) => podOf(pod, node, this.#isWanted)));
		listed();
	}

	/** Read each time: tokens are replaced while they are used. */
	async #credentials({ protocol }: URL): Promise<RequestOptions> {
		// a token is not for anybody who listens
		if (protocol === "http:") return { agent: false };
		const { tokenFile, caFile, isInsecure } = this.#options;
		const token = tokenFile === null ? await readable(SERVICE_ACCOUNT.token) : await required(tokenFile);
		const ca = caFile === null ? await readable(SERVICE_ACCOUNT.ca) : await required(caFile);
		return {
			agent: false,
			rejectUnauthorized: !isInsecure,
			...(ca === null ? {} : { ca }),
			headers: token === null ? {} : { authorization: `Bearer ${token.trim()}` },
		};
	}
}

async function required(path: string): Promise<string> {
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		throw new Trouble("unreachable", `a file cannot be read: ${error instanceof Error ? error.message : path}`);
	}
}
