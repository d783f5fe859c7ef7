import { stat } from "node:fs/promises";
import type { CaptureEvent, CaptureSource, PolytapError, SourceContext } from "../../core/index.js";
import { CaptureFile } from "./capture-file.js";
import { EventBatch } from "./event-batch.js";
import type { PcapConfig } from "./index.js";
import { PacketDecoder } from "./packet-decoder.js";
import { PcapCounters } from "./pcap-counters.js";

/**
 * Reads packet captures. Several files are one capture in pieces, as tcpdump rotates them: connections go on from one to
 * the next, unless that one begins earlier. A file that is cut off or damaged gives everything before the damage and a warning; one that is no capture at
 * all ends the source.
 */
export class PcapSource implements CaptureSource {
	readonly #config: PcapConfig;
	readonly #context: SourceContext;
	readonly #counters = new PcapCounters();
	readonly #batch = new EventBatch();
	readonly #decoder: PacketDecoder;
	#file: CaptureFile | null = null;

	constructor(config: PcapConfig, context: SourceContext) {
		this.#config = config;
		this.#context = context;
		this.#decoder = new PacketDecoder(this.#batch, this.#counters, {
			maxConnections: config.max_connections,
			udpIdleUs: config.udp_idle_ms * 1000,
			pins: pinsOf(config),
		});
		this.#decoder.onUnknownLinkType = (linkType) =>
			context.diagnostics.warn("CAPTURE_UNSUPPORTED", `packets of link type ${linkType} are not decoded; skipped`);
	}

	/** Looks at every file, and keeps the first one open. Rejects with `CAPTURE_UNREADABLE` or `CAPTURE_UNSUPPORTED`. */
	async open(): Promise<void> {
		const [first = "", ...others] = this.#config.files;
		this.#file = await CaptureFile.open(first);
		for (const path of others) if (!(await isStream(path))) await (await CaptureFile.open(path)).close();
	}

	async *batches(signal: AbortSignal): AsyncGenerator<readonly CaptureEvent[]> {
		const batch = this.#batch;
		for (const path of this.#config.files) {
			if (signal.aborted) return;
			const file = (this.#file ??= await CaptureFile.open(path));
			this.#counters.files++;
			this.#decoder.nextFile();
			for (;;) {
				const pause = file.decode(batch, this.#decoder);
				if (!batch.isEmpty) {
					yield batch.events;
					batch.reset();
				}
				if (signal.aborted || pause === "over") break;
				if (pause === "bytes" && !(await file.more())) break;
			}
			if (file.damage !== null) this.#report(path, file.damage);
			await this.close();
		}
	}

	async close(): Promise<void> {
		const file = this.#file;
		this.#file = null;
		await file?.close();
	}

	counters(): Readonly<Record<string, number>> {
		return this.#counters.flat();
	}

	#report(path: string, { code, message, hint }: PolytapError): void {
		this.#counters.filesDamaged++;
		const which = this.#config.files.length > 1 ? `${path}: ` : "";
		this.#context.diagnostics.warn(code, which + message, hint ?? undefined);
	}
}

/** Protocols by port. */
function pinsOf({ pins }: PcapConfig): ReadonlyMap<number, string> {
	const byPort = new Map<number, string>();
	for (const { ports, protocol } of pins) for (const port of ports) if (!byPort.has(port)) byPort.set(port, protocol);
	return byPort;
}

/** What can be read only once must not be looked at before. */
async function isStream(path: string): Promise<boolean> {
	const found = await stat(path).catch(() => null);
	return found !== null && !found.isFile() && !found.isDirectory();
}
