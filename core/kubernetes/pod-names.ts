/** In the worker: what is known of pods, and processes with that. */
import type { ProcessIdentity } from "../events.js";
import { Asked } from "./asked.js";
import type { Pod } from "./pod.js";
import { type PodChange, uidOf } from "./pod-store.js";

interface Named {
	readonly pod: Pod;
	readonly process: ProcessIdentity;
}

export class PodNames {
	/** Grows with every change. */
	version = 0;
	/** Connections that began without a name. */
	unnamed = 0;
	/** Those of which more became known later. */
	namedLate = 0;
	readonly #pods = new Map<string, Pod>();
	/** A process is one object for all its connections, and so is what it is with its names. */
	readonly #named = new WeakMap<ProcessIdentity, Named>();
	readonly #asked = new Asked();
	readonly #ask: (id: string) => void;
	#unknown = 0;

	/** `ask`: called once for each pod, and for each container, that is not known, with its id. */
	constructor(pods: readonly Pod[], ask: (id: string) => void) {
		this.#ask = ask;
		this.change({ known: pods, gone: [] });
	}

	change({ known, gone }: PodChange): void {
		this.version++;
		for (const uid of gone) {
			for (const name of this.#pods.get(uid)?.uids ?? []) this.#pods.delete(name);
		}
		for (const pod of known) {
			for (const name of this.#pods.get(uidOf(pod))?.uids ?? []) this.#pods.delete(name);
			for (const name of pod.uids) this.#pods.set(name, pod);
		}
	}

	/** The process with its names; itself where there are none. */
	of(process: ProcessIdentity): ProcessIdentity {
		const pod = this.#podOf(process);
		if (pod === null) return process;
		const before = this.#named.get(process);
		if (before?.pod === pod) return before.process;
		const container = containerOf(process, pod);
		if (container === undefined && process.container !== null) this.#askOnce(process.container);
		const kubernetes =
			container === undefined ? pod.attributes : { ...pod.attributes, "k8s.container.name": container };
		const named = { ...process, kubernetes };
		this.#named.set(process, { pod, process: named });
		return named;
	}

	/** All that can be known is known. A container's name is told some time after it has started. */
	isSettled(process: ProcessIdentity): boolean {
		if (process.pod === null) return true;
		const pod = this.#pods.get(process.pod);
		return pod !== undefined && (process.container === null || containerOf(process, pod) !== undefined);
	}

	counters(): Readonly<Record<string, number>> {
		return {
			kubernetes_unknown_pods: this.#unknown,
			kubernetes_connections_unnamed: this.unnamed,
			kubernetes_connections_named_late: this.namedLate,
		};
	}

	#podOf({ pod: uid }: ProcessIdentity): Pod | null {
		if (uid === null) return null;
		const pod = this.#pods.get(uid);
		if (pod !== undefined) return pod;
		if (this.#askOnce(uid)) this.#unknown++;
		return null;
	}

	/** True: it was the first time. */
	#askOnce(id: string): boolean {
		if (!this.#asked.isNew(id)) return false;
		this.#ask(id);
		return true;
	}
}

function containerOf({ container }: ProcessIdentity, { containers }: Pod): string | undefined {
	return container !== null && Object.hasOwn(containers, container) ? containers[container] : undefined;
}
