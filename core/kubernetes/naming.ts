/** A source whose processes have the names of their pods. */
import type { CaptureEvent, IdentifyEvent, OpenEvent, ProcessIdentity } from "../events.js";
import type { CaptureSource } from "../plugin.js";
import type { PodNames } from "./pod-names.js";

/** Connections that are named later; beyond it the oldest ones are not. */
const MOST_WAITING = 4096;

/** Changes `source`: its batches come with names from here on. */
export function nameProcesses(source: CaptureSource, names: PodNames): void {
	const batches = source.batches.bind(source);
	source.batches = (signal) => namedBatches(batches(signal), new Naming(names));
}

function namedBatches(
	batches: AsyncIterable<readonly CaptureEvent[]>,
	naming: Naming,
): AsyncIterable<readonly CaptureEvent[]> {
	return {
		[Symbol.asyncIterator]: () => {
			const iterator = batches[Symbol.asyncIterator]();
			return {
				next: async () => {
					const result = await iterator.next();
					return result.done === true ? result : { done: false, value: naming.of(result.value) };
				},
				return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
			};
		},
	};
}

/** Nearly all are bytes: a loop of its own, which is all that most batches cost. */
function nextOfNote(batch: readonly CaptureEvent[], from: number): number {
	let index = from;
	while (index < batch.length && batch[index]!.kind === "bytes") index++;
	return index;
}

interface Ends {
	readonly client: ProcessIdentity | null;
	readonly server: ProcessIdentity | null;
}

interface Waiting {
	readonly ends: Ends;
	/** As the engine knows them. */
	told: Ends;
}

/** Of one source. Batches without a connection's begin pass as they are. */
class Naming {
	readonly #names: PodNames;
	/** Connections of which not all is known yet, with the processes as the source gave them. */
	readonly #waiting = new Map<number, Waiting>();
	#version: number;

	constructor(names: PodNames) {
		this.#names = names;
		this.#version = names.version;
	}

	of(batch: readonly CaptureEvent[]): readonly CaptureEvent[] {
		// before the connections of this batch, which begin with all that is known
		const late = this.#late();
		let out: CaptureEvent[] | null = null;
		for (let index = nextOfNote(batch, 0); index < batch.length; index = nextOfNote(batch, index + 1)) {
			const event = batch[index]!;
			if (event.kind === "close") this.#waiting.delete(event.conn);
			else if (event.kind === "open" || event.kind === "identify") {
				const named = event.kind === "open" ? this.#open(event) : this.#identify(event);
				if (named !== event) (out ??= [...batch])[index] = named;
			}
		}
		if (late.length === 0) return out ?? batch;
		return [...late, ...(out ?? batch)];
	}

	#open(event: OpenEvent): OpenEvent {
		const { process, role } = event;
		if (process === null || process.pod === null) return event;
		const named = this.#names.of(process);
		if (named === process) this.#names.unnamed++;
		if (role === "client") this.#wait(event.conn, { client: process, server: null }, { client: named, server: null });
		if (role === "server") this.#wait(event.conn, { client: null, server: process }, { client: null, server: named });
		return named === process ? event : { ...event, process: named };
	}

	#identify(event: IdentifyEvent): IdentifyEvent {
		const client = this.#namedOrNull(event.client);
		const server = this.#namedOrNull(event.server);
		this.#wait(event.conn, event, { client, server });
		return client === event.client && server === event.server ? event : { ...event, client, server };
	}

	#namedOrNull(process: ProcessIdentity | null): ProcessIdentity | null {
		return process === null ? null : this.#names.of(process);
	}

	#wait(conn: number, { client, server }: Ends, told: Ends): void {
		const ends = { client, server };
		if (this.#isSettled(ends)) return;
		this.#waiting.set(conn, { ends, told });
		if (this.#waiting.size <= MOST_WAITING) return;
		for (const oldest of this.#waiting.keys()) {
			this.#waiting.delete(oldest);
			return;
		}
	}

	#isSettled({ client, server }: Ends): boolean {
		return (client === null || this.#names.isSettled(client)) && (server === null || this.#names.isSettled(server));
	}

	/** What became known since the last batch. */
	#late(): IdentifyEvent[] {
		const { version } = this.#names;
		if (version === this.#version) return [];
		this.#version = version;
		const events: IdentifyEvent[] = [];
		for (const [conn, waiting] of this.#waiting) {
			const { ends, told } = waiting;
			const client = this.#namedOrNull(ends.client);
			const server = this.#namedOrNull(ends.server);
			if (client === told.client && server === told.server) continue;
			waiting.told = { client, server };
			events.push({ kind: "identify", conn, client, server, tls: null });
			if (!this.#isSettled(ends)) continue;
			this.#waiting.delete(conn);
			this.#names.namedLate++;
		}
		return events;
	}
}
