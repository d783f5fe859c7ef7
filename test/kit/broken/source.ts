/** A source that keeps its contract, and the ways to break it. */
import { setTimeout as delay } from "node:timers/promises";
import { type CaptureEvent, type SourceHost, type SourcePlugin, z } from "../../../core/index.js";

export type SourceFault =
	| "none"
	| "has a loose schema"
	| "describes nothing"
	| "opens in create"
	| "rejects close"
	| "hangs in close"
	| "leaves a timer"
	| "hangs in open"
	| "opens with a common error"
	| "hangs in open when aborted"
	| "ignores its signal"
	| "goes on after close"
	| "throws"
	| "is silent"
	| "forgets open"
	| "opens twice"
	| "goes back"
	| "goes beyond its end"
	| "forgets a field"
	| "adds a field"
	| "counts in milliseconds"
	| "counts in fractions"
	| "counts in camel case"
	| "answers with a promise"
	| "sends a function"
	| "hangs in its host"
	| "opens its host with a common error"
	| "closes its host once only"
	| "listens in its host before it is opened";

const strict = z.strictObject({ say: z.string().describe("What it says.") });

export function source(fault: SourceFault): SourcePlugin<{ say: string }> {
	let config: z.ZodType<{ say: string }> = strict;
	if (fault === "has a loose schema") config = z.looseObject({ say: z.string().describe("What it says.") });
	if (fault === "describes nothing") config = z.strictObject({ say: z.string() });
	const plugin: SourcePlugin<{ say: string }> = {
		api: 1,
		kind: "source",
		type: "broken",
		summary: "For tests.",
		config,
		create({ say }) {
			let isClosed = false;
			if (fault === "opens in create") setTimeout(() => {}, 4000);
			return {
				open: async (signal) => {
					if (fault === "hangs in open") await new Promise(() => {});
					if (fault === "hangs in open when aborted" && signal.aborted) await new Promise(() => {});
					if (fault === "opens with a common error") throw new Error("no");
				},
				batches: async function* (signal) {
					if (fault === "throws") throw new Error("as told");
					if (fault !== "is silent") yield events(fault, say);
					while (!isClosed || (fault === "goes on after close" && !signal.aborted)) {
						if (signal.aborted && fault !== "ignores its signal") return;
						await delay(5, undefined, { ref: false });
						yield [];
					}
				},
				close: async () => {
					if (fault === "hangs in close") await new Promise(() => {});
					if (fault === "rejects close" && isClosed) throw new Error("twice");
					if (fault === "leaves a timer" && !isClosed) setTimeout(() => {}, 4000);
					isClosed = true;
				},
				hasRoom: () => (fault === "answers with a promise" ? (Promise.resolve(true) as never) : false),
				counters: (): Record<string, number> =>
					fault === "counts in camel case" ? { bytesRead: 1 } : { bytes_read: 1 },
			};
		},
	};
	if (fault.includes("host") || fault === "sends a function") plugin.host = () => host(fault);
	return plugin;
}

function host(fault: SourceFault): SourceHost {
	let closed = 0;
	if (fault === "listens in its host before it is opened") setTimeout(() => {}, 4000);
	return {
		open: async () => {
			if (fault === "hangs in its host") await new Promise(() => {});
			if (fault === "opens its host with a common error") throw new Error("no");
			return fault === "sends a function" ? () => {} : null;
		},
		close: async () => {
			if (fault === "closes its host once only" && closed++ > 0) throw new Error("twice");
		},
	};
}

function events(fault: SourceFault, say: string): CaptureEvent[] {
	const tsUs = fault === "counts in milliseconds" ? 1_700_000_000_000.5 : 1_700_000_000_000_000;
	const data = Buffer.from(say);
	const opened: CaptureEvent = {
		kind: "open",
		conn: 1,
		tsUs,
		transport: "tcp",
		client: { address: "192.0.2.1", port: 1234 },
		server: { address: "192.0.2.2", port: 80 },
		role: "server",
		roleKnown: true,
		bases: null,
		fromStart: true,
		netns: null,
		process: null,
		layer: "transport",
		lower: null,
	};
	const offset = fault === "counts in fractions" ? 0.5 : 0;
	const bytes: CaptureEvent = { kind: "bytes", conn: 1, dir: 0, offset, tsUs, data };
	const all: CaptureEvent[] = [
		opened,
		bytes,
		{ kind: "end", conn: 1, dir: 0, tsUs, finalOffset: data.length, how: "fin" },
	];
	if (fault === "forgets open") all.shift();
	if (fault === "opens twice") all.push(opened);
	if (fault === "goes back") all.splice(2, 0, bytes);
	if (fault === "goes beyond its end") all.push({ ...bytes, offset: data.length });
	if (fault === "forgets a field") Reflect.deleteProperty(opened, "netns");
	if (fault === "adds a field") Object.assign(bytes, { note: "more" });
	return all;
}
