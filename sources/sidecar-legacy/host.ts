import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type HostContext, PolytapError, type SourceHost } from "../../core/index.js";
import { Health } from "./health.js";
import type { SidecarOptions } from "./options.js";
import type { FromRelay, RelayStart, ToRelay } from "./relay-thread.js";
import { Redirection } from "./rules/redirection.js";
import { newMemory, Shared, type SidecarMemory } from "./shared.js";
import type { SidecarHostState } from "./state.js";

/** A relay that did not turn for so long is not alive. */
const ALIVE_MS = 2_000;
/** What the kernel still sends here when the rules are gone is taken within this. */
const ACCEPT_MS = 100;
const RESTART_PAUSE_MS = 200;
const MOST_RESTARTS = 10;
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 2_048, maxYoungGenerationSizeMb: 32 };

/** The main-thread half: keeps the relay's thread, the health endpoint and the redirection, whatever becomes of workers. */
export class SidecarHost implements SourceHost {
	#options: SidecarOptions;
	readonly #context: HostContext;
	readonly #memory: SidecarMemory;
	readonly #shared: Shared;
	/** Made when it is known where the relay listens. */
	#redirection: Redirection | null = null;
	readonly #health: Health | null;
	readonly #run = randomBytes(4).toString("hex");
	#relay: Worker | null = null;
	#isListening = false;
	#isDraining = false;
	#isClosed = false;
	#restarts = 0;
	#beats = { count: -1, atMs: 0 };

	constructor(options: SidecarOptions, context: HostContext) {
		this.#options = options;
		this.#context = context;
		this.#memory = newMemory(options.tee_bytes);
		this.#shared = new Shared(this.#memory);
		this.#health =
			options.health_listen === undefined
				? null
				: new Health({ isAlive: () => this.#isAlive(), isReady: () => this.#isReady() });
	}

	async open(signal: AbortSignal): Promise<SidecarHostState> {
		const { health_listen, legs } = this.#options;
		if (health_listen !== undefined) await this.#health?.open(health_listen);
		try {
			const listening = await this.#start();
			this.#options = { ...this.#options, listen: [...listening] };
			this.#context.diagnostics.info(`the sidecar listens on ${listening.join(", ")}`);
			if (this.#options.redirect?.manage === true) {
				this.#redirection = new Redirection(this.#context.name, this.#options);
				await this.#redirection.install();
			}
			if (signal.aborted) this.#drain();
			else signal.addEventListener("abort", () => this.#drain(), { once: true });
			return { memory: this.#memory, legs, netns: statSync("/proc/self/ns/net").ino, run: this.#run, listening };
		} catch (error) {
			await this.close();
			throw error;
		}
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		this.#health?.close();
		try {
			await this.#redirection?.remove();
		} finally {
			await this.#relay?.terminate();
			this.#relay = null;
		}
	}

	counters(): Readonly<Record<string, number>> {
		return this.#shared.counters();
	}

	/** Resolves with the addresses when it listens. */
	async #start(): Promise<readonly string[]> {
		const start: RelayStart = { options: this.#options, memory: this.#memory };
		const relay = new Worker(new URL("./relay-thread.js", import.meta.url), {
			workerData: start,
			resourceLimits: RESOURCE_LIMITS,
			name: "polytap-relay",
		});
		this.#relay = relay;
		let reason = "it ended";
		return new Promise((resolve, reject) => {
			relay.on("error", (error) => {
				reason = error instanceof Error ? error.message : String(error);
			});
			relay.on("message", (message: FromRelay) => {
				if (message.kind === "listening") {
					this.#isListening = true;
					resolve(message.addresses);
				} else if (message.kind === "failed") {
					reason = message.message;
					void relay.terminate();
				}
			});
			relay.once("exit", () => {
				const wasListening = this.#isListening;
				this.#isListening = false;
				if (wasListening) void this.#died(reason);
				else reject(listenError(reason));
			});
		});
	}

	/** A bug in the relay costs the connections that it had, and no more. */
	async #died(reason: string): Promise<void> {
		if (this.#isClosed) return;
		this.#shared.set("connections_open", 0);
		if (this.#isDraining) {
			this.#shared.isDrained = true;
			return;
		}
		this.#context.diagnostics.warn(
			"SIDECAR_RELAY_DIED",
			`the relay's thread ended: ${reason}; its connections are gone`,
		);
		while (!this.#isClosed && !this.#isDraining && this.#restarts < MOST_RESTARTS) {
			this.#restarts++;
			this.#shared.set("relay_restarts", this.#restarts);
			await sleep(RESTART_PAUSE_MS * this.#restarts);
			try {
				await this.#start();
				return;
			} catch (error) {
				this.#context.diagnostics.warn("SIDECAR_LISTEN_FAILED", error instanceof Error ? error.message : String(error));
			}
		}
		this.#shared.isDrained = true;
	}

	#drain(): void {
		if (this.#isDraining) return;
		this.#isDraining = true;
		void this.#release().then(() => {
			if (!this.#isListening) this.#shared.isDrained = true;
			const message: ToRelay = { kind: "drain", timeoutMs: this.#options.drain_timeout_ms };
			this.#relay?.postMessage(message);
		});
	}

	/** Nothing new is sent here, and what was on its way has been taken, before the relay stops listening. */
	async #release(): Promise<void> {
		if (this.#redirection === null) return;
		try {
			await this.#redirection.release();
		} catch (error) {
			this.#context.diagnostics.warn("SIDECAR_RULES_FAILED", error instanceof Error ? error.message : String(error));
		}
		await sleep(ACCEPT_MS);
	}

	#isAlive(): boolean {
		const now = performance.now();
		const { beats } = this.#shared;
		if (beats !== this.#beats.count) this.#beats = { count: beats, atMs: now };
		return this.#isListening && now - this.#beats.atMs < ALIVE_MS;
	}

	#isReady(): boolean {
		return this.#isAlive() && !this.#isDraining;
	}
}

function listenError(reason: string): PolytapError {
	return new PolytapError(
		"SIDECAR_LISTEN_FAILED",
		`the sidecar cannot start: ${reason}`,
		"another program may have the address, or a file of `tls` cannot be read",
	);
}
