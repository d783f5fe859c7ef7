import type { Exchange, ExchangeMessage } from "../../../core/index.js";
import { type Dialect, type DissectedMessage, valuesOf } from "../dialect.js";

/** One direction of a stream. */
interface Half {
	readonly fields: string[];
	/** Pseudo-fields. */
	readonly own: Map<string, string>;
	bytes: number;
	isOver: boolean;
}

const half = (): Half => ({ fields: [], own: new Map(), bytes: 0, isOver: false });

/** A stream in one line: method and path, status, fields, trailers, payload bytes of what came to its end. */
function line(request: Half, response: Half): string {
	const shown = ({ fields, bytes, isOver }: Half): string => `[${fields.join(", ")}] ${isOver ? bytes : "unfinished"}`;
	const asked = `${request.own.get(":method") ?? "?"} ${request.own.get(":path") ?? "?"}`;
	return `${asked} ${shown(request)} → ${response.own.get(":status") ?? "?"} ${shown(response)}`;
}

function ofMessage(message: ExchangeMessage | null, own: ReadonlyMap<string, string>, isOver: boolean): Half {
	if (message === null) return half();
	const { headers, trailers, body, messages } = message;
	const fields = [...headers, ...trailers].map(([name, value]) => `${name}: ${value}`);
	// each message of gRPC has five bytes before it
	const bytes = body.bytes + (messages ?? []).reduce((sum, part) => sum + part.bytes + 5, 0);
	return { fields, own: new Map(own), bytes, isOver };
}

function ofRecord({ request, response, outcome }: Exchange): string {
	const asked = request?.attributes ?? {};
	const query = asked["url.query"];
	const own = new Map<string, string>();
	if (asked["http.request.method"] !== undefined) own.set(":method", String(asked["http.request.method"]));
	if (asked["url.path"] !== undefined)
		own.set(":path", `${asked["url.path"]}${query === undefined ? "" : `?${query}`}`);
	const status = response?.attributes["http.response.status_code"];
	const answered = new Map(status === undefined ? [] : [[":status", String(status)]]);
	return line(ofMessage(request, own, true), ofMessage(response, answered, outcome === "ok" || outcome === "error"));
}

/** `isGrpc`: only streams whose request is one of gRPC, or only the others. */
function ofMessages(messages: readonly DissectedMessage[], isGrpc: boolean): string[] {
	const streams = new Map<string, readonly [Half, Half]>();
	for (const { dir, tree } of messages)
		for (const frame of framesOf(tree)) {
			const id = String(valuesOf(frame, "http2.streamid")[0]);
			const type = Number(valuesOf(frame, "http2.type")[0]);
			if (id === "0" || (type !== DATA && type !== HEADERS)) continue;
			const stream = streams.get(id) ?? [half(), half()];
			streams.set(id, stream);
			const to = stream[dir];
			if (type === DATA) to.bytes += Number(valuesOf(frame, "http2.length")[0]);
			const names = valuesOf(frame, "http2.header.name");
			const values = valuesOf(frame, "http2.header.value");
			for (const [i, name] of names.entries())
				if (name.startsWith(":")) to.own.set(name, values[i] ?? "");
				else to.fields.push(`${name}: ${values[i] ?? ""}`);
			if (valuesOf(frame, "http2.flags.end_stream").some((flag) => flag === "1" || flag === "True")) to.isOver = true;
		}
	return [...streams.values()]
		.filter(([request]) => request.fields.some((field) => /^content-type: application\/grpc/.test(field)) === isGrpc)
		.map(([request, response]) => line(request, response));
}

function framesOf(tree: unknown): readonly unknown[] {
	if (typeof tree !== "object" || tree === null) return [];
	const found: unknown = Object.entries(tree).find(([name]) => name === "http2.stream")?.[1];
	return Array.isArray(found) ? found : found === undefined ? [] : [found];
}

const DATA = 0;
const HEADERS = 1;

export const http2: Dialect = {
	protocol: "http/2",
	layer: "http2",
	// a pushed response is a message
	ofRecord: (record) => (record.kind === "connection" ? null : ofRecord(record)),
	ofMessages: (messages) => ofMessages(messages, false),
};

/** As tshark sees the frames that carry it. */
export const grpc: Dialect = {
	protocol: "grpc",
	layer: "http2",
	ofRecord: (record) => (record.kind === "exchange" ? ofRecord(record) : null),
	ofMessages: (messages) => ofMessages(messages, true),
};
