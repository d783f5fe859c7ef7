/** Whether what a source yields are capture events, in an order that the contract allows. */
import { type CaptureEvent, GAP_CAUSES } from "../../../core/index.js";
import type { Clause } from "../contract.js";
import type { Fail } from "../descriptor.js";

const KEYS: Readonly<Record<CaptureEvent["kind"], readonly string[]>> = {
	open: [
		"conn",
		"tsUs",
		"transport",
		"client",
		"server",
		"role",
		"roleKnown",
		"bases",
		"fromStart",
		"netns",
		"process",
		"layer",
		"lower",
	],
	bytes: ["conn", "dir", "offset", "tsUs", "data"],
	gap: ["conn", "dir", "tsUs", "offset", "length", "cause"],
	datagram: ["conn", "dir", "tsUs", "data"],
	exchange: ["exchange"],
	annotate: ["conn", "dir", "fromOffset", "toOffset", "attributes"],
	identify: ["conn", "client", "server", "tls"],
	end: ["conn", "dir", "tsUs", "finalOffset", "how"],
	close: ["conn", "tsUs"],
	loss: ["bytes", "events", "cause"],
};
const OPTIONAL = new Set(["expects", "isFinal", "late", "library", "lowerRange", "protocol", "quietUs"]);
/** The year 2200: beyond it somebody counted in another unit. */
const LATEST_US = 7_258_118_400_000_000;

type Value = Readonly<Record<string, unknown>>;

const isOffset = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const oneOf =
	(...allowed: readonly unknown[]) =>
	(value: unknown) =>
		allowed.includes(value);
const isText = (value: unknown) => typeof value === "string";
const isFlag = (value: unknown) => typeof value === "boolean";
const orNull = (is: (value: unknown) => boolean) => (value: unknown) => value === null || is(value);
const isEndpoint = (value: unknown) =>
	typeof value === "object" && value !== null && isText((value as Value).address) && isOffset((value as Value).port);
const isProcess = (value: unknown) =>
	typeof value === "object" && value !== null && isOffset((value as Value).pid) && isText((value as Value).name);

const isTls = (value: unknown) =>
	typeof value === "object" &&
	value !== null &&
	["library", "version", "serverName", "alpn"].every((key) => key in value);

/** Fields that mean something else in events of this kind. */
const OF_KIND: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
	identify: { client: orNull(isProcess), server: orNull(isProcess), tls: orNull(isTls) },
};
const FIELDS: Readonly<Record<string, readonly [Clause, (value: unknown) => boolean]>> = {
	conn: ["eventShape", (value) => Number.isSafeInteger(value)],
	dir: ["eventShape", oneOf(0, 1)],
	offset: ["eventOffsets", isOffset],
	fromOffset: ["eventOffsets", isOffset],
	toOffset: ["eventOffsets", isOffset],
	length: ["eventOffsets", orNull(isOffset)],
	finalOffset: ["eventEnd", orNull(isOffset)],
	tsUs: ["eventTimes", (value) => isOffset(value) && Number(value) < LATEST_US],
	data: ["eventShape", (value) => value instanceof Uint8Array],
	cause: ["eventShape", oneOf(...GAP_CAUSES)],
	how: ["eventShape", oneOf("fin", "reset", "unknown")],
	transport: ["eventShape", oneOf("tcp", "udp", "unix")],
	role: ["eventShape", oneOf("client", "server", "wire", "proxy")],
	roleKnown: ["eventShape", isFlag],
	fromStart: ["eventShape", isFlag],
	protocol: ["eventShape", isText],
	quietUs: ["eventTimes", isOffset],
	expects: ["eventShape", oneOf("this-end", "both-ends")],
	late: ["eventShape", oneOf(true)],
	layer: ["eventShape", oneOf("transport", "plaintext")],
	client: ["eventShape", isEndpoint],
	server: ["eventShape", isEndpoint],
	lower: ["eventShape", orNull(Number.isSafeInteger)],
	netns: ["eventShape", orNull(isOffset)],
	process: ["eventShape", orNull(isProcess)],
	bases: ["eventShape", orNull((value) => Array.isArray(value) && value.length === 2 && value.every(isOffset))],
	library: ["eventShape", isText],
	isFinal: ["eventShape", oneOf(true)],
	lowerRange: ["eventShape", (value) => Array.isArray(value) && value.length === 2 && value.every(isOffset)],
	bytes: ["eventShape", orNull(isOffset)],
	events: ["eventShape", isOffset],
	attributes: ["eventShape", (value) => typeof value === "object" && value !== null],
	exchange: ["eventShape", (value) => (value as Value | null)?.schema === "polytap.exchange/v1"],
};

interface Open {
	readonly next: [number, number];
	readonly final: [number | null, number | null];
}

export class EventRules {
	count = 0;
	/** Events that carry something: bytes, datagrams, exchanges. */
	carrying = 0;
	readonly #open = new Map<number, Open>();
	readonly #reorders: boolean;
	readonly #fail: Fail;

	constructor(reorders: boolean, fail: Fail) {
		this.#reorders = reorders;
		this.#fail = fail;
	}

	batch(batch: unknown): void {
		if (!Array.isArray(batch)) this.#fail("eventShape", "a batch is no list");
		for (const event of batch as readonly unknown[]) this.event(event);
	}

	event(found: unknown): void {
		this.count++;
		const event = this.#shaped(found);
		if (event.kind === "bytes" || event.kind === "datagram" || event.kind === "exchange") this.carrying++;
		if (event.kind === "loss" || event.kind === "exchange") return;
		const { conn } = event;
		const open = this.#open.get(conn);
		if (event.kind === "open") {
			if (open !== undefined) this.#fail("eventConn", `conn ${conn} is opened again before it was closed`);
			this.#open.set(conn, { next: [0, 0], final: [null, null] });
			return;
		}
		if (open === undefined) this.#fail("sourceBetween", `${event.kind} of conn ${conn}, which is not open`);
		const { next, final } = open as Open;
		if (event.kind === "close") this.#open.delete(conn);
		else if (event.kind === "bytes") {
			const { dir, offset, data } = event;
			const end = offset + data.length;
			if (!this.#reorders && offset < next[dir])
				this.#fail("sourceOrder", `bytes at ${offset} of conn ${conn} direction ${dir} after those up to ${next[dir]}`);
			const last = final[dir];
			if (last !== null && end > last)
				this.#fail("eventEnd", `bytes up to ${end} of conn ${conn} direction ${dir}, which ended at ${last}`);
			next[dir] = Math.max(next[dir], end);
		} else if (event.kind === "end") {
			const { dir, finalOffset } = event;
			if (finalOffset !== null && finalOffset < next[dir])
				this.#fail("eventEnd", `conn ${conn} direction ${dir} ends at ${finalOffset} after bytes up to ${next[dir]}`);
			final[dir] = finalOffset;
		}
	}

	#shaped(found: unknown): CaptureEvent {
		if (typeof found !== "object" || found === null) return this.#fail("eventShape", `an event is ${String(found)}`);
		const event = found as Value;
		const keys = KEYS[event.kind as CaptureEvent["kind"]];
		if (keys === undefined) return this.#fail("eventShape", `there is no event of kind ${JSON.stringify(event.kind)}`);
		const missing = keys.find((key) => !(key in event));
		if (missing !== undefined) this.#fail("eventShape", `"${missing}" of a ${event.kind} event is missing`);
		for (const [key, value] of Object.entries(event)) {
			if (key === "kind") continue;
			const own = OF_KIND[String(event.kind)]?.[key];
			const field = own === undefined ? FIELDS[key] : (["eventShape", own] as const);
			if (field === undefined || !(keys.includes(key) || OPTIONAL.has(key)))
				return this.#fail("eventShape", `a ${event.kind} event has no "${key}"`);
			const shown = typeof value === "object" ? JSON.stringify(value)?.slice(0, 100) : String(value);
			if (!field[1](value)) this.#fail(field[0], `"${key}" of a ${event.kind} event is ${shown}`);
		}
		return found as CaptureEvent;
	}
}
