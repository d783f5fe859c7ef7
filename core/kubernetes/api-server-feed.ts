/** Pods as the API server tells them: the list of this node's, and then every change. */
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { getJson } from "./json-request.js";
import { type LabelChoice, podOf } from "./pod.js";
import { type FeedParts, inRounds, notAList, type PodFeed } from "./pod-feed.js";
import { type PodObject, podList, podObject } from "./pod-object.js";
import { SERVICE_ACCOUNT } from "./service-account.js";
import { Trouble, troubleOf, troubleOfStatus } from "./trouble.js";

/** Loaded with the first feed: it is large, and most runs have none. */
type Library = typeof import("@kubernetes/client-node");

export interface ApiServerOptions {
	readonly node: string;
	/** Null: the service account of the pod that this process runs in. */
	readonly kubeconfig: string | null;
	readonly tokenFile: string | null;
	readonly caFile: string | null;
	readonly isInsecure: boolean;
	/** Of one page of the list. */
	readonly maxBytes: number;
}

const PATH = "/api/v1/pods";
const PAGE = 250;
/** Of a list: a node has some hundred pods, a server that pages for ever is none. */
const MOST_PAGES = 40;
/** What a server gets beyond the time that it was asked to end a watch after. */
const GRACE_MS = 15_000;

export class ApiServerFeed implements PodFeed {
	readonly #options: ApiServerOptions;
	readonly #isWanted: LabelChoice;
	readonly #parts: FeedParts;

	constructor(options: ApiServerOptions, isWanted: LabelChoice, parts: FeedParts) {
		this.#options = options;
		this.#isWanted = isWanted;
		this.#parts = parts;
	}

	async run(signal: AbortSignal): Promise<void> {
		await inRounds(
			async (sound) => {
				const library = await import("@kubernetes/client-node");
				// anew each time: files may have changed, and it remembers what it read
				const config = this.#config(library);
				let version = await this.#list(config, signal);
				while (!signal.aborted) version = await this.#watch(library, config, version, sound, signal);
			},
			this.#parts,
			signal,
		);
	}

	#config({ KubeConfig }: Library): KubeConfig {
		const { kubeconfig, tokenFile, caFile, isInsecure } = this.#options;
		const config = new KubeConfig();
		if (kubeconfig !== null) config.loadFromFile(kubeconfig);
		else {
			const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
			if (host === undefined || host === "")
				throw new Trouble(
					"unreachable",
					"this is no pod (KUBERNETES_SERVICE_HOST is not set), and no kubeconfig is given",
				);
			config.loadFromClusterAndUser(
				{
					name: "cluster",
					server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
					caFile: caFile ?? SERVICE_ACCOUNT.ca,
					skipTLSVerify: false,
				},
				{
					name: "user",
					authProvider: { name: "tokenFile", config: { tokenFile: tokenFile ?? SERVICE_ACCOUNT.token } },
				},
			);
		}
		if (isInsecure) config.clusters = config.clusters.map((cluster) => ({ ...cluster, skipTLSVerify: true }));
		// the library waits for ever for the head of an answer
		const apply = config.applyToFetchOptions.bind(config);
		config.applyToFetchOptions = async (options) => ({
			...(await apply(options)),
			timeout: this.#parts.times.answerMs,
		});
		return config;
	}

	/** Returns the version that a watch goes on from. */
	async #list(config: KubeConfig, signal: AbortSignal): Promise<string> {
		const { node, maxBytes } = this.#options;
		const { times, store, listed } = this.#parts;
		const options: RequestOptions = {};
		await config.applyToHTTPSOptions(options);
		const url = new URL(`${serverOf(config)}${PATH}`);
		url.searchParams.set("fieldSelector", selectorOf(node));
		url.searchParams.set("limit", String(PAGE));
		const pods: PodObject[] = [];
		for (let page = 0; page < MOST_PAGES; page++) {
			const list = podList(await getJson(url, options, { timeoutMs: times.answerMs, maxBytes }, signal));
			if (list === null) throw notAList(url.host);
			pods.push(...list.pods);
			if (list.more === "") {
				store.replace(pods.map((pod) => podOf(pod, node, this.#isWanted)));
				listed();
				return list.resourceVersion;
			}
			url.searchParams.set("continue", list.more);
		}
		throw new Trouble("unreachable", `${url.host} has a list of pods without an end`);
	}

	/** Resolves when the server has ended it as it was asked to, with the version to go on from; rejects otherwise. */
	async #watch(
		{ Watch }: Library,
		config: KubeConfig,
		version: string,
		sound: () => void,
		signal: AbortSignal,
	): Promise<string> {
		const { times } = this.#parts;
		const watch = new Watch(config);
		const startedMs = performance.now();
		const asked = {
			fieldSelector: selectorOf(this.#options.node),
			resourceVersion: version,
			allowWatchBookmarks: true,
			timeoutSeconds: Math.max(1, Math.round((times.watchMs / 1000) * (1 + Math.random() / 10))),
		};
		let last = version;
		return new Promise<string>((resolve, reject) => {
			let request: AbortController | null = null;
			let isOver = false;
			const end = (error: unknown) => {
				// the library tells of what is ended here as well
				if (isOver) return;
				isOver = true;
				clearTimeout(late);
				clearTimeout(soundly);
				signal.removeEventListener("abort", stop);
				request?.abort();
				if (error != null) reject(troubleOfWatch(error, serverOf(config)));
				// one that is always over at once must not be asked for at once
				else if (performance.now() - startedMs < times.soundMs)
					reject(new Trouble("unreachable", `${new URL(serverOf(config)).host} ended a watch at once`));
				else resolve(last);
			};
			const stop = () => end(new Trouble("unreachable", "polytap stops"));
			const late = setTimeout(
				() => end(new Trouble("unreachable", `${new URL(serverOf(config)).host} does not end a watch`)),
				asked.timeoutSeconds * 1000 + GRACE_MS,
			);
			const soundly = setTimeout(sound, times.soundMs);
			late.unref();
			soundly.unref();
			if (signal.aborted) return stop();
			signal.addEventListener("abort", stop, { once: true });
			const hear = (type: string, object: unknown) => {
				try {
					last = this.#hear(type, object) ?? last;
				} catch (error) {
					end(error);
				}
			};
			watch.watch(PATH, asked, hear, end).then((controller) => {
				request = controller;
				if (isOver) controller.abort();
			}, end);
		});
	}

	/** One line of a watch. Returns the version that it brings, if any. Throws what ends the watch. */
	#hear(type: string, object: unknown): string | null {
		const { store } = this.#parts;
		if (type === "ERROR") {
			const code = fieldOf(object, "code");
			throw troubleOfStatus(typeof code === "number" ? code : 0, "the watch");
		}
		if (type === "BOOKMARK") {
			const version = fieldOf(fieldOf(object, "metadata"), "resourceVersion");
			return typeof version === "string" ? version : null;
		}
		const pod = podObject(object);
		if (pod === null) return null;
		if (type === "DELETED") store.delete(pod.metadata.uid);
		else if (type === "ADDED" || type === "MODIFIED") store.put(podOf(pod, this.#options.node, this.#isWanted));
		return pod.metadata.resourceVersion ?? null;
	}
}

function serverOf(config: KubeConfig): string {
	const server = config.getCurrentCluster()?.server;
	if (server === undefined || server === "") throw new Trouble("unreachable", "the kubeconfig names no server");
	return server;
}

function selectorOf(node: string): string {
	return `spec.nodeName=${node}`;
}

function troubleOfWatch(error: unknown, server: string): Trouble {
	const status = fieldOf(error, "statusCode");
	return typeof status === "number" ? troubleOfStatus(status, new URL(server).host) : troubleOf(error);
}

function fieldOf(value: unknown, name: string): unknown {
	return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
