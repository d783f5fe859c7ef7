/** Looks at events of a source that somebody else wrote: what would harm the engine's books is named. */
import { GAP_CAUSES } from "../events.js";
import { isObject } from "./shape.js";

const CAUSES: ReadonlySet<unknown> = new Set(GAP_CAUSES);
const TRANSPORTS: ReadonlySet<unknown> = new Set(["tcp", "udp", "unix"]);
const VANTAGES: ReadonlySet<unknown> = new Set(["client", "server", "wire", "proxy"]);
const HOWS: ReadonlySet<unknown> = new Set(["fin", "reset", "unknown"]);

/** What is wrong with the event, or null. */
export function eventProblem(event: unknown): string | null {
	if (!isObject(event)) return "it is no object";
	switch (event.kind) {
		case "open":
			return openProblem(event);
		case "bytes":
			return (isCount(event.offset) ? null : wrong(event, "offset")) ?? dataProblem(event);
		case "datagram":
			return dataProblem(event);
		case "gap":
			if (!isCount(event.offset)) return wrong(event, "offset");
			if (event.length !== null && !isCount(event.length)) return wrong(event, "length");
			return CAUSES.has(event.cause) ? directionProblem(event) : wrong(event, "cause");
		case "annotate":
			if (!isCount(event.fromOffset)) return wrong(event, "fromOffset");
			if (!isCount(event.toOffset)) return wrong(event, "toOffset");
			if (!isObject(event.attributes)) return wrong(event, "attributes");
			return event.dir === 0 || event.dir === 1 ? connProblem(event) : wrong(event, "dir");
		case "identify":
			for (const name of ["client", "server", "tls"])
				if (event[name] !== null && !isObject(event[name])) return wrong(event, name);
			return connProblem(event);
		case "end":
			if (event.finalOffset !== null && !isCount(event.finalOffset)) return wrong(event, "finalOffset");
			return HOWS.has(event.how) ? directionProblem(event) : wrong(event, "how");
		case "close":
			return connProblem(event) ?? timeProblem(event);
		case "loss":
			if (event.bytes !== null && !isCount(event.bytes)) return wrong(event, "bytes");
			if (!isCount(event.events)) return wrong(event, "events");
			return CAUSES.has(event.cause) ? null : wrong(event, "cause");
		case "exchange":
			return exchangeProblem(event.exchange);
		default:
			return wrong({ kind: "event", of: event.kind }, "of");
	}
}

function openProblem(event: Record<string, unknown>): string | null {
	const { bases } = event;
	if (!TRANSPORTS.has(event.transport)) return wrong(event, "transport");
	if (!VANTAGES.has(event.role)) return wrong(event, "role");
	if (!isEndpoint(event.client)) return wrong(event, "client");
	if (!isEndpoint(event.server)) return wrong(event, "server");
	if (bases !== null && !(Array.isArray(bases) && bases.length === 2 && bases.every(isCount)))
		return wrong(event, "bases");
	if (event.quietUs !== undefined && !isCount(event.quietUs)) return wrong(event, "quietUs");
	if (event.protocol !== undefined && typeof event.protocol !== "string") return wrong(event, "protocol");
	if (event.expects !== undefined && event.expects !== "this-end" && event.expects !== "both-ends")
		return wrong(event, "expects");
	if (event.late !== undefined && event.late !== true) return wrong(event, "late");
	return connProblem(event) ?? timeProblem(event);
}

function dataProblem(event: Record<string, unknown>): string | null {
	return event.data instanceof Uint8Array ? directionProblem(event) : wrong(event, "data");
}

function directionProblem(event: Record<string, unknown>): string | null {
	if (event.dir !== 0 && event.dir !== 1) return wrong(event, "dir");
	return connProblem(event) ?? timeProblem(event);
}

function connProblem(event: Record<string, unknown>): string | null {
	return Number.isSafeInteger(event.conn) ? null : wrong(event, "conn");
}

function timeProblem(event: Record<string, unknown>): string | null {
	return isCount(event.tsUs) ? null : wrong(event, "tsUs");
}

/** What sinks, filters and redaction reach for without a look. */
function exchangeProblem(exchange: unknown): string | null {
	if (!isObject(exchange)) return "exchange: it has no record";
	for (const name of ["id", "protocol", "kind", "startedAt", "outcome"])
		if (typeof exchange[name] !== "string") return wrong({ ...exchange, kind: "exchange" }, name);
	for (const name of ["summary", "connection", "annotations"])
		if (!isObject(exchange[name])) return wrong({ ...exchange, kind: "exchange" }, name);
	for (const name of ["request", "response"] as const) {
		const message = exchange[name];
		if (message === null) continue;
		if (!isObject(message) || !isObject(message.body) || !Array.isArray(message.headers))
			return wrong({ kind: "exchange", [name]: typeof message }, name);
	}
	return Array.isArray(exchange.observedBy) && Array.isArray(exchange.flags) ? null : "exchange: observedBy or flags";
}

function isEndpoint(value: unknown): boolean {
	return isObject(value) && typeof value.address === "string" && isCount(value.port);
}

function isCount(value: unknown): boolean {
	return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function wrong(event: Record<string, unknown>, field: string): string {
	const value = event[field];
	const shown = isObject(value) ? "an object" : String(value).slice(0, 40);
	return `${String(event.kind)}.${field} is ${shown}`;
}
