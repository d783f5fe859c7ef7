/** The relay's thread. Nothing of it waits for a parser, a sink or the main thread. */
import { parentPort, workerData } from "node:worker_threads";
import type { SidecarOptions } from "./options.js";
import { Relay } from "./relay.js";
import { Shared, type SidecarMemory } from "./shared.js";

export interface RelayStart {
	readonly options: SidecarOptions;
	readonly memory: SidecarMemory;
}

export type FromRelay =
	| { readonly kind: "listening"; readonly addresses: readonly string[] }
	| { readonly kind: "failed"; readonly message: string }
	| { readonly kind: "drained" };

export interface ToRelay {
	readonly kind: "drain";
	readonly timeoutMs: number;
}

const tell = (message: FromRelay): void => parentPort?.postMessage(message);
const { options, memory }: RelayStart = workerData;
const relay = new Relay(options, new Shared(memory));

parentPort?.on("message", ({ timeoutMs }: ToRelay) => {
	void relay.drain(timeoutMs).then(() => tell({ kind: "drained" }));
});

try {
	tell({ kind: "listening", addresses: await relay.open() });
} catch (error) {
	tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}
