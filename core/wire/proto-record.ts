/** The exchange record, as a plain object, into exchange.proto: what redaction changed, and what other sources decoded. */
import type {
	Body,
	Exchange,
	ExchangeConnection,
	ExchangeEndpoint,
	ExchangeMessage,
	Interim,
	Observation,
	SubMessage,
	TlsFacts,
} from "../exchange.js";
import { TAG } from "./exchange-proto.js";
import {
	BODY_TAGS,
	putAttributes,
	putData,
	putGaps,
	putHeaders,
	putTime,
	putWord,
	SUB_MESSAGE_TAGS,
} from "./proto-values.js";
import { close, open, putCount, putString } from "./put-proto.js";

const SMALL = 64;
/** About what a message takes beside its data. */
const FRAME = 256;

/** The fields of an `Exchange`, in their order. */
export function putRecord(out: Buffer, from: number, x: Exchange): number {
	let at = putString(out, from, TAG.EXCHANGE_ID, x.id);
	at = putWord(out, at, TAG.EXCHANGE_ID_SCOPE, "IdScope", x.idScope);
	if (x.parentId !== null) at = putString(out, at, TAG.EXCHANGE_PARENT_ID, x.parentId);
	at = putString(out, at, TAG.EXCHANGE_PROTOCOL, x.protocol);
	at = putWord(out, at, TAG.EXCHANGE_KIND, "Kind", x.kind);
	at = putTime(out, at, TAG.EXCHANGE_STARTED_AT, x.startedAt);
	at = putCount(out, at, TAG.EXCHANGE_DURATION_US, x.durationUs);
	at = putWord(out, at, TAG.EXCHANGE_OUTCOME, "Outcome", x.outcome);
	at = putSummary(out, at, x.summary.operation, x.summary.result);
	at = putConnection(out, at, x.connection);
	if (x.request !== null) at = putMessage(out, at, TAG.EXCHANGE_REQUEST, x.request);
	if (x.response !== null) at = putMessage(out, at, TAG.EXCHANGE_RESPONSE, x.response);
	for (const each of x.observedBy) at = putObservation(out, at, each);
	return putRemarks(out, at, x);
}

export function putSummary(out: Buffer, at: number, operation: string, result: string): number {
	const start = open(out, at, TAG.EXCHANGE_SUMMARY, SMALL);
	const end = putString(out, putString(out, start, TAG.SUMMARY_OPERATION, operation), TAG.SUMMARY_RESULT, result);
	return close(out, at, SMALL, end);
}

/** Flags and annotations. */
export function putRemarks(out: Buffer, from: number, { flags, annotations }: Exchange): number {
	let at = from;
	for (const flag of flags) at = putString(out, at, TAG.EXCHANGE_FLAGS, flag);
	return putAttributes(out, at, TAG.EXCHANGE_ANNOTATIONS, annotations);
}

export function putConnection(out: Buffer, at: number, connection: ExchangeConnection): number {
	let end = putString(out, open(out, at, TAG.EXCHANGE_CONNECTION, FRAME), TAG.CONNECTION_ID, connection.id);
	end = putWord(out, end, TAG.CONNECTION_TRANSPORT, "Transport", connection.transport);
	end = putEndpoint(out, end, TAG.CONNECTION_CLIENT, connection.client);
	end = putEndpoint(out, end, TAG.CONNECTION_SERVER, connection.server);
	if (connection.tls !== null) end = putTls(out, end, connection.tls);
	return close(out, at, FRAME, end);
}

function putEndpoint(out: Buffer, at: number, tag: number, { address, port, process }: ExchangeEndpoint): number {
	let end = putString(out, open(out, at, tag, SMALL), TAG.ENDPOINT_ADDRESS, address);
	end = putCount(out, end, TAG.ENDPOINT_PORT, port);
	if (process !== null) {
		const start = end;
		end = putCount(out, open(out, start, TAG.ENDPOINT_PROCESS, SMALL), TAG.PROCESS_PID, process.pid);
		end = putString(out, end, TAG.PROCESS_NAME, process.name);
		end = putOptional(out, end, TAG.PROCESS_EXECUTABLE, process.executable);
		end = putOptional(out, end, TAG.PROCESS_CGROUP, process.cgroup);
		end = putOptional(out, end, TAG.PROCESS_CONTAINER, process.container);
		end = putOptional(out, end, TAG.PROCESS_POD, process.pod);
		end = putOptional(out, end, TAG.PROCESS_RUNTIME, process.runtime);
		end = putOptional(out, end, TAG.PROCESS_UNIT, process.unit);
		if (process.uid !== null) end = putCount(out, end, TAG.PROCESS_UID, process.uid);
		if (process.kubernetes !== undefined) end = putAttributes(out, end, TAG.PROCESS_KUBERNETES, process.kubernetes);
		end = close(out, start, SMALL, end);
	}
	return close(out, at, SMALL, end);
}

function putTls(out: Buffer, at: number, { library, version, cipher, serverName, alpn }: TlsFacts): number {
	let end = putOptional(out, open(out, at, TAG.CONNECTION_TLS, SMALL), TAG.TLS_LIBRARY, library);
	end = putOptional(out, end, TAG.TLS_VERSION, version);
	end = putOptional(out, end, TAG.TLS_SERVER_NAME, serverName);
	end = putOptional(out, end, TAG.TLS_ALPN, alpn);
	return close(out, at, SMALL, putOptional(out, end, TAG.TLS_CIPHER, cipher));
}

function putOptional(out: Buffer, at: number, tag: number, text: string | null): number {
	return text === null ? at : putString(out, at, tag, text);
}

function putMessage(out: Buffer, at: number, tag: number, message: ExchangeMessage): number {
	const expected = FRAME + lengthOf(message.body.data);
	let end = putTime(out, open(out, at, tag, expected), TAG.MESSAGE_STARTED_AT, message.startedAt);
	end = putTime(out, end, TAG.MESSAGE_ENDED_AT, message.endedAt);
	end = putCount(out, end, TAG.MESSAGE_BYTES, message.bytes);
	end = putAttributes(out, end, TAG.MESSAGE_ATTRIBUTES, message.attributes);
	end = putHeaders(out, end, TAG.MESSAGE_HEADERS, message.headers);
	end = putHeaders(out, end, TAG.MESSAGE_TRAILERS, message.trailers);
	end = putInterims(out, end, message.interim);
	end = putBody(out, end, message.body);
	return close(out, at, expected, putSubMessages(out, end, message.messages));
}

export function putInterims(out: Buffer, from: number, interims: readonly Interim[]): number {
	let at = from;
	for (const { at: time, attributes, headers } of interims) {
		let end = putTime(out, open(out, at, TAG.MESSAGE_INTERIM, SMALL), TAG.INTERIM_AT, time);
		end = putAttributes(out, end, TAG.INTERIM_ATTRIBUTES, attributes);
		at = close(out, at, SMALL, putHeaders(out, end, TAG.INTERIM_HEADERS, headers));
	}
	return at;
}

export function putBody(out: Buffer, at: number, body: Body): number {
	const expected = SMALL + lengthOf(body.data);
	let end = putCount(out, open(out, at, TAG.MESSAGE_BODY, expected), TAG.BODY_BYTES, body.bytes);
	end = putCount(out, end, TAG.BODY_CAPTURED, body.captured);
	end = putWord(out, end, TAG.BODY_COMPLETENESS, "Completeness", body.completeness);
	end = putGaps(out, end, TAG.BODY_GAPS, body.gaps);
	end = putData(out, end, BODY_TAGS, body.encoding, body.data);
	if (body.decodedFrom !== undefined) end = putString(out, end, TAG.BODY_DECODED_FROM, body.decodedFrom);
	if (body.decodeLimited !== undefined) end = putTruth(out, end, TAG.BODY_DECODE_LIMITED);
	return close(out, at, expected, end);
}

export function putTruth(out: Buffer, at: number, tag: number): number {
	out[at] = tag;
	out[at + 1] = 1;
	return at + 2;
}

export function putSubMessages(out: Buffer, at: number, messages: readonly SubMessage[] | null): number {
	if (messages === null) return at;
	let expected = FRAME;
	for (const { data } of messages) expected += SMALL + lengthOf(data);
	let end = open(out, at, TAG.MESSAGE_MESSAGES, expected);
	for (const each of messages) end = putSubMessage(out, end, each);
	return close(out, at, expected, end);
}

function putSubMessage(out: Buffer, at: number, message: SubMessage): number {
	const expected = SMALL + lengthOf(message.data);
	let end = putTime(out, open(out, at, TAG.SUB_MESSAGES_ITEMS, expected), TAG.SUB_MESSAGE_AT, message.at);
	end = putCount(out, end, TAG.SUB_MESSAGE_BYTES, message.bytes);
	end = putAttributes(out, end, TAG.SUB_MESSAGE_ATTRIBUTES, message.attributes);
	end = putData(out, end, SUB_MESSAGE_TAGS, message.encoding, message.data);
	if (message.captured !== undefined) end = putCount(out, end, TAG.SUB_MESSAGE_CAPTURED, message.captured);
	if (message.completeness !== undefined)
		end = putWord(out, end, TAG.SUB_MESSAGE_COMPLETENESS, "Completeness", message.completeness);
	if (message.gaps !== undefined) {
		const start = end;
		end = putGaps(out, open(out, start, TAG.SUB_MESSAGE_GAPS, SMALL), TAG.GAPS_ITEMS, message.gaps);
		end = close(out, start, SMALL, end);
	}
	if (message.decodedFrom !== undefined) end = putString(out, end, TAG.SUB_MESSAGE_DECODED_FROM, message.decodedFrom);
	return close(out, at, expected, end);
}

export function putObservation(out: Buffer, at: number, { source, type, vantage, ...times }: Observation): number {
	let end = putString(out, open(out, at, TAG.EXCHANGE_OBSERVED_BY, SMALL), TAG.OBSERVATION_SOURCE, source);
	end = putString(out, end, TAG.OBSERVATION_TYPE, type);
	end = putWord(out, end, TAG.OBSERVATION_VANTAGE, "Vantage", vantage);
	end = putTime(out, end, TAG.OBSERVATION_STARTED_AT, times.startedAt);
	return close(out, at, SMALL, putCount(out, end, TAG.OBSERVATION_DURATION_US, times.durationUs));
}

function lengthOf(data: unknown): number {
	return typeof data === "string" ? data.length : 0;
}
