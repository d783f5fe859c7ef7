/** A recording as a source: makes the calls that were recorded, at engines like those that got them. */
import type { Engine, EngineOptions } from "../engine/engine.js";
import type { ConfiguredParser } from "../engine/registry.js";
import type { CaptureEvent } from "../events.js";
import type { CaptureSource, Diagnostics } from "../plugin.js";
import type { RecordedCall } from "../recording/call-reading.js";
import { fingerprintOf, optionsOf } from "../recording/header.js";
import { RecordingReader } from "../recording/recording-reader.js";
import { polytapVersion } from "./version.js";

/** So many calls without a chance for the sinks. */
const CALLS_AT_ONCE = 256;
const NO_EVENTS: readonly CaptureEvent[] = [];

type MakeEngine = (options: EngineOptions, parsers: readonly ConfiguredParser[]) => Engine;

/** Yields empty batches: engines are told by itself, sources of several names among them, and with the times of then. */
export class ReplaySource implements CaptureSource {
	readonly #path: string;
	readonly #parsers: readonly ConfiguredParser[];
	readonly #makeEngine: MakeEngine;
	readonly #diagnostics: Diagnostics;
	#reader: RecordingReader | null = null;
	#engines: readonly Engine[] = [];
	readonly #lost = { calls: 0, events: 0, bytes: 0 };
	#calls = 0;
	#lastUs = 0;
	/** Sources that have not ended, as `engine source`. */
	readonly #running = new Set<string>();

	constructor(path: string, parsers: readonly ConfiguredParser[], makeEngine: MakeEngine, diagnostics: Diagnostics) {
		this.#path = path;
		this.#parsers = parsers;
		this.#makeEngine = makeEngine;
		this.#diagnostics = diagnostics;
	}

	/** Rejects with `CAPTURE_UNREADABLE` or `CAPTURE_UNSUPPORTED`. */
	async open(): Promise<void> {
		const reader = await RecordingReader.open(this.#path);
		this.#reader = reader;
		const { header } = reader;
		const known = new Map(this.#parsers.map((parser) => [parser.protocol, parser]));
		const parsers = header.parsers.flatMap((protocol) => known.get(protocol) ?? []);
		this.#engines = header.engines.map(({ options, sources }, index) => {
			const engine = this.#makeEngine(options, parsers);
			for (const { name, type } of sources) this.#running.add(`${index} ${engine.addSource(name, type)}`);
			return engine;
		});
		const ours = fingerprintOf(
			polytapVersion(),
			parsers.map(({ protocol }) => protocol),
			this.#engines,
			optionsOf(parsers),
		);
		if (ours === header.fingerprint) return;
		const missing = header.parsers.filter((protocol) => !known.has(protocol));
		let parts = missing.length === 0 ? "" : `; without the parsers of ${missing.join(", ")}`;
		if (parts === "" && header.polytap === polytapVersion()) parts = "; options of protocols differ";
		this.#diagnostics.warn(
			"RECORDING_MISMATCH",
			`recorded by polytap ${header.polytap}, replayed by ${polytapVersion()}${parts}: exchanges may differ`,
		);
	}

	async *batches(signal: AbortSignal): AsyncGenerator<readonly CaptureEvent[]> {
		const reader = this.#reader;
		if (reader === null) return;
		for await (const calls of reader.blocks()) {
			for (const call of calls) {
				this.#apply(call);
				if (++this.#calls % CALLS_AT_ONCE !== 0) continue;
				yield NO_EVENTS;
				if (signal.aborted) return;
			}
			yield NO_EVENTS;
			if (signal.aborted) return;
		}
		this.#report(reader);
		// killed in the middle: what was open comes out as what it was
		for (const running of this.#running) {
			const [engine = 0, source = 0] = running.split(" ").map(Number);
			this.#engines[engine]?.sourceEnded(source, this.#lastUs);
		}
	}

	async close(): Promise<void> {
		const reader = this.#reader;
		this.#reader = null;
		await reader?.close();
	}

	counters(): Readonly<Record<string, number>> {
		const { calls, events, bytes } = this.#lost;
		return { calls: this.#calls, calls_lost: calls, events_lost: events, bytes_lost: bytes };
	}

	#apply(call: RecordedCall): void {
		if (call.kind === "lost") {
			this.#lost.calls += call.calls;
			this.#lost.events += call.events;
			this.#lost.bytes += call.bytes;
			return;
		}
		const engine = this.#engines[call.engine];
		if (engine === undefined) throw new Error(`the recording has no engine ${call.engine}`);
		this.#lastUs = call.nowUs;
		switch (call.kind) {
			case "ingest":
				engine.ingest(call.source, call.batch, call.nowUs);
				return;
			case "tick":
				engine.tick(call.nowUs);
				return;
			case "ended":
				this.#running.delete(`${call.engine} ${call.source}`);
				engine.sourceEnded(call.source, call.nowUs);
				return;
		}
	}

	#report({ end, damage }: RecordingReader): void {
		const { warn } = this.#diagnostics;
		if (damage !== null) {
			warn("CAPTURE_DAMAGED", `${damage}; everything before it was replayed`);
			return;
		}
		if (end === null) {
			warn("RECORDING_INCOMPLETE", "it was not ended in an orderly way; everything up to its last block was replayed");
			return;
		}
		if (!end.isComplete) {
			const { reason, callsLost, eventsLost, bytesLost } = end;
			warn(
				"RECORDING_INCOMPLETE",
				`${callsLost} calls with ${eventsLost} events and ${bytesLost} bytes are missing (${reason ?? "unknown"})`,
			);
			return;
		}
		const given = this.#engines.map((engine) => engine.counters().exchanges ?? 0);
		if (given.join() !== end.exchanges.join())
			warn(
				"RECORDING_MISMATCH",
				`it gave ${given.join(" + ")} exchanges, ${end.exchanges.join(" + ")} when it was recorded`,
			);
	}
}
