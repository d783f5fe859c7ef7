import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaptureEvent, CaptureSource, Direction } from "../../../core/index.js";
import pcap from "../../../sources/pcap/index.js";

export interface Reading {
	readonly events: readonly CaptureEvent[];
	/** Sizes of the batches. */
	readonly batches: readonly number[];
	readonly counters: Readonly<Record<string, number>>;
	/** Codes and messages. */
	readonly warnings: readonly (readonly [code: string, message: string])[];
}

export type Options = Readonly<Record<string, unknown>>;

/** Opens a source on files that are there already. */
export function sourceOn(files: readonly string[], options: Options, warnings: [string, string][]): CaptureSource {
	const warn = (code: string, message: string) => {
		warnings.push([code, message]);
	};
	const context = { name: "test", host: null, diagnostics: { warn, info: () => {} } };
	return pcap.create(pcap.config.parse({ files, ...options }), context);
}

/** Everything that the source says of some files, in copies that outlive their batch. */
export async function readPaths(files: readonly string[], options: Options = {}): Promise<Reading> {
	const warnings: [string, string][] = [];
	const source = sourceOn(files, options, warnings);
	const { signal } = new AbortController();
	const events: CaptureEvent[] = [];
	const batches: number[] = [];
	try {
		await source.open(signal);
		for await (const batch of source.batches(signal)) {
			batches.push(batch.length);
			for (const event of batch) events.push("data" in event ? { ...event, data: event.data.slice() } : event);
		}
	} finally {
		await source.close();
	}
	return { events, batches, counters: source.counters?.() ?? {}, warnings };
}

export async function readCapture(
	contents: Uint8Array | readonly Uint8Array[],
	options: Options = {},
): Promise<Reading> {
	const folder = await mkdtemp(join(tmpdir(), "polytap-pcap-"));
	try {
		const all = contents instanceof Uint8Array ? [contents] : contents;
		const paths = all.map((_, i) => join(folder, `${i}.pcap`));
		for (const [i, path] of paths.entries()) await writeFile(path, all[i]!);
		return await readPaths(paths, options);
	} finally {
		await rm(folder, { recursive: true });
	}
}

/** The bytes events of one direction, as `offset:text`. */
export function saidIn(events: readonly CaptureEvent[], dir: Direction, conn: number | null = null): string[] {
	const lines: string[] = [];
	for (const event of events) {
		if (event.kind !== "bytes" || event.dir !== dir || (conn !== null && event.conn !== conn)) continue;
		lines.push(`${event.offset}:${Buffer.from(event.data).toString("latin1")}`);
	}
	return lines;
}

/** One line for each event, without times. */
export function story(events: readonly CaptureEvent[]): string[] {
	return events.map((event) => {
		switch (event.kind) {
			case "open": {
				const { client, server, transport, bases, roleKnown, fromStart } = event;
				const how = `${roleKnown ? "" : " guessed"}${fromStart ? "" : " late"}`;
				return `open ${event.conn} ${transport} ${client.address}:${client.port} ${server.address}:${server.port} ${bases?.join(" ") ?? "-"}${how}`;
			}
			case "bytes":
				return `bytes ${event.conn} ${event.dir} ${event.offset} ${Buffer.from(event.data).toString("latin1")}`;
			case "datagram":
				return `datagram ${event.conn} ${event.dir} ${Buffer.from(event.data).toString("latin1")}`;
			case "gap":
				return `gap ${event.conn} ${event.dir} ${event.offset} ${event.length} ${event.cause}`;
			case "end":
				return `end ${event.conn} ${event.dir} ${event.finalOffset} ${event.how}`;
			case "close":
				return `close ${event.conn}`;
			default:
				return event.kind;
		}
	});
}
