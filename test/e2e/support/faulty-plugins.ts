/** Plugins of others that break every promise: which one, and when, is their option, or FAULT for the parser. */
import { setTimeout as delay } from "node:timers/promises";
import {
	type CaptureEvent,
	type CaptureSource,
	MessageHead,
	type ParserPlugin,
	type ProtocolParser,
	type Sink,
	type SinkPlugin,
	type SourcePlugin,
	z,
} from "../../../core/index.js";
import { connection } from "./rate-plugins.js";

const config = z.strictObject({ fault: z.string() });
type Options = z.output<typeof config>;

/** `open-throw`, `open-loop`, `open-loop-later`, `open-never`: does it where `phase` is its time. */
function act(fault: string, phase: string): Promise<void> {
	if (fault === `${phase}-throw`) throw new Error(`${phase} as told`);
	while (fault === `${phase}-loop`) {}
	if (fault === `${phase}-never`) return new Promise(() => {});
	return fault === `${phase}-loop-later` ? loopLater() : Promise.resolve();
}

async function loopLater(): Promise<void> {
	await delay(1);
	for (;;) {}
}

/** Typed as what it should be, which is what a JavaScript author is free not to keep. */
const asIf = <T>(value: T | number | string | object): T => value as T;

const source: SourcePlugin<Options> = {
	api: 1,
	kind: "source",
	type: "faulty-source",
	summary: "For tests.",
	offline: true,
	config,
	create: ({ fault }) => {
		void act(fault, "create");
		if (fault === "create-garbage") return asIf<CaptureSource>({});
		return {
			open: () => act(fault, "open"),
			batches: async function* () {
				await act(fault, "batches");
				if (fault === "event-garbage")
					yield asIf<readonly CaptureEvent[]>([{ kind: "bytes", conn: 1, dir: 0, offset: Number.NaN, data: "x" }]);
			},
			close: () => act(fault, "close"),
		};
	},
};

const sink: SinkPlugin<Options> = {
	api: 1,
	kind: "sink",
	type: "faulty-sink",
	summary: "For tests.",
	config,
	create: ({ fault }) => {
		void act(fault, "create");
		if (fault === "create-garbage") return asIf<Sink>({});
		return {
			maxInFlight: fault === "in-flight-garbage" ? Number.NaN : 1,
			open: () => act(fault, "open"),
			write: () => act(fault, "write"),
			close: () => act(fault, "close"),
		};
	},
};

const fault = process.env.FAULT ?? "";
const RETURNS: Readonly<Record<string, number | string>> = {
	"data-nan": Number.NaN,
	"data-huge": 1e9,
	"data-text": "3",
	"data-half": 1.5,
};

const parser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "faulty-parser",
	summary: "For tests.",
	...(fault.startsWith("promise") ? { readsOnly: true } : {}),
	detect: (client) => {
		void act(fault, "detect");
		if (fault === "promise-detect" && client.length > 1) client[1] = 0;
		if (fault.startsWith("scribble")) client.fill(0);
		return client[0] === 0x23 ? "yes" : "no";
	},
	create: () => {
		void act(fault, "create");
		if (fault === "create-garbage") return asIf<ProtocolParser>({});
		return {
			data: (_dir, bytes) => {
				void act(fault, "data");
				if (!fault.startsWith("promise")) bytes.fill(0);
				if (fault === "promise-data") bytes[bytes.length - 1] = 0;
				return asIf<number>(RETURNS[fault] ?? bytes.length);
			},
			gap: () => false,
			resync: () => ({ need: 0 }),
			end: () => void act(fault, "end"),
		};
	},
};

/** Two connections, one for each parser. */
const good: SourcePlugin<Options> = {
	api: 1,
	kind: "source",
	type: "good-source",
	summary: "For tests.",
	offline: true,
	config,
	create: () => ({
		open: async () => {},
		batches: async function* () {
			yield [...connection(1, "#hello world\n", 1_000_001), ...connection(2, "?hello\n", 1_000_002)];
		},
		close: async () => {},
	}),
};

const lines: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "good-parser",
	summary: "For tests.",
	readsOnly: true,
	detect: (client) => (client[0] === 0x3f ? "yes" : "no"),
	create: () => ({
		data(_dir, bytes, out) {
			const message = out.begin(0);
			message.head(new MessageHead(String.fromCharCode(...bytes.subarray(1, bytes.length - 1)), {}, []));
			message.finish(bytes.length, "ok");
			return bytes.length;
		},
		gap: () => false,
		resync: () => ({ need: 0 }),
		end: () => {},
	}),
};

export default [parser, lines, source, good, sink];
