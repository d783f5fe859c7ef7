/** Entries of exchange.proto back into exchange records, by protobufjs and its descriptor. */
import { createRequire } from "node:module";
import { crc32 } from "node:zlib";
import type protobuf from "protobufjs";
import type {
	Attributes,
	AttributeValue,
	Body,
	BodyGap,
	Exchange,
	ExchangeEndpoint,
	ExchangeMessage,
	HeaderList,
	SubMessage,
} from "../exchange.js";
import { EXCHANGE_SCHEMA } from "../exchange.js";
import { DESCRIPTOR, WORDS } from "./exchange-proto.js";
import type * as shape from "./proto-shapes.js";
import { formatTime } from "./time.js";

const PLAIN = { longs: Number };
/** Tag and value of the checksum, which comes last. */
const CHECKSUM_BYTES = 5;

let entryType: protobuf.Type | null = null;

/** Whoever writes only never needs the library, which is a third of a megabyte of source in each thread. */
function typeOfEntry(): protobuf.Type {
	if (entryType === null) {
		const library: typeof protobuf = createRequire(import.meta.url)("protobufjs");
		entryType = library.Root.fromJSON(JSON.parse(DESCRIPTOR)).lookupType("polytap.v1.Entry");
	}
	return entryType;
}

/**
 * One entry, without the length before it. Null: a header, or a kind of entry that is newer than this. Throws where the bytes
 * are not an entry, do not have their checksum, or say what this version has no word for.
 */
export function decodeEntry(bytes: Uint8Array): Exchange | null {
	const type = typeOfEntry();
	const entry: shape.Entry = type.toObject(type.decode(bytes), PLAIN);
	const { checksum } = entry;
	if (checksum !== undefined && crc32(bytes.subarray(0, bytes.length - CHECKSUM_BYTES)) !== checksum)
		throw new Error("the checksum does not fit");
	if (entry.header !== undefined && entry.header.schema !== EXCHANGE_SCHEMA)
		throw new Error(`records of "${entry.header.schema ?? ""}"`);
	return entry.exchange === undefined ? null : exchangeOf(entry.exchange);
}

function exchangeOf(x: shape.Exchange): Exchange {
	const { connection = {} } = x;
	return {
		schema: EXCHANGE_SCHEMA,
		id: x.id ?? "",
		idScope: word("IdScope", x.idScope),
		parentId: x.parentId ?? null,
		protocol: x.protocol ?? "",
		kind: word("Kind", x.kind),
		startedAt: formatTime(x.startedAt ?? 0),
		durationUs: x.durationUs ?? 0,
		outcome: word("Outcome", x.outcome),
		summary: { operation: x.summary?.operation ?? "", result: x.summary?.result ?? "" },
		connection: {
			id: connection.id ?? "",
			transport: word("Transport", connection.transport),
			client: endpointOf(connection.client),
			server: endpointOf(connection.server),
			tls: tlsOf(connection.tls),
		},
		request: messageOf(x.request),
		response: messageOf(x.response),
		observedBy: (x.observedBy ?? []).map((seen) => ({
			source: seen.source ?? "",
			type: seen.type ?? "",
			vantage: word("Vantage", seen.vantage),
			startedAt: formatTime(seen.startedAt ?? 0),
			durationUs: seen.durationUs ?? 0,
		})),
		flags: x.flags ?? [],
		annotations: attributesOf(x.annotations),
	};
}

function endpointOf({ address = "", port = 0, process }: shape.Endpoint = {}): ExchangeEndpoint {
	if (process === undefined) return { address, port, process: null };
	const { pid = 0, name = "", executable = null, cgroup = null, container = null, pod = null } = process;
	const { runtime = null, unit = null, uid = null } = process;
	const known = process.kubernetes === undefined ? {} : { kubernetes: textsOf(process.kubernetes) };
	return { address, port, process: { pid, name, executable, cgroup, container, pod, runtime, unit, uid, ...known } };
}

function tlsOf(tls: shape.Tls | undefined): Exchange["connection"]["tls"] {
	if (tls === undefined) return null;
	const { library = null, version = null, cipher = null, serverName = null, alpn = null } = tls;
	return { library, version, cipher, serverName, alpn };
}

function messageOf(m: shape.Message | undefined): ExchangeMessage | null {
	if (m === undefined) return null;
	return {
		startedAt: formatTime(m.startedAt ?? 0),
		endedAt: formatTime(m.endedAt ?? 0),
		bytes: m.bytes ?? 0,
		attributes: attributesOf(m.attributes),
		headers: headersOf(m.headers),
		trailers: headersOf(m.trailers),
		interim: (m.interim ?? []).map(({ at = 0, attributes, headers }) => ({
			at: formatTime(at),
			attributes: attributesOf(attributes),
			headers: headersOf(headers),
		})),
		body: bodyOf(m.body),
		messages: m.messages === undefined ? null : (m.messages.items ?? []).map(subMessageOf),
	};
}

function bodyOf(body: shape.Body = {}): Body {
	const { bytes = 0, captured = 0, completeness, gaps, encoding, decodedFrom, decodeLimited } = body;
	return {
		bytes,
		captured,
		completeness: word("Completeness", completeness),
		gaps: gapsOf(gaps),
		encoding: word("Encoding", encoding),
		...dataOf(body),
		...(decodedFrom === undefined ? {} : { decodedFrom }),
		...(decodeLimited === true ? { decodeLimited } : {}),
	};
}

function subMessageOf(message: shape.SubMessage): SubMessage {
	const { at = 0, bytes = 0, attributes, encoding, captured, completeness, gaps, decodedFrom } = message;
	return {
		at: formatTime(at),
		bytes,
		attributes: attributesOf(attributes),
		encoding: word("Encoding", encoding),
		...dataOf(message),
		...(captured === undefined ? {} : { captured }),
		...(completeness === undefined ? {} : { completeness: word("Completeness", completeness) }),
		...(gaps === undefined ? {} : { gaps: gapsOf(gaps.items) }),
		...(decodedFrom === undefined ? {} : { decodedFrom }),
	};
}

function dataOf({ text, binary, json }: shape.Data): { readonly data: unknown } {
	if (binary !== undefined)
		return { data: Buffer.from(binary.buffer, binary.byteOffset, binary.length).toString("base64") };
	return { data: json === undefined ? text : JSON.parse(json) };
}

function gapsOf(gaps: readonly shape.Gap[] = []): BodyGap[] {
	return gaps.map(({ from = 0, to = null, cause }) => ({ from, to, cause: word("Cause", cause) }));
}

function headersOf(fields: readonly shape.HeaderField[] = []): HeaderList {
	return fields.map(({ name = "", value = "" }) => [name, value] as const);
}

function textsOf(attributes: readonly shape.Attribute[]): Readonly<Record<string, string>> {
	return Object.fromEntries(attributes.map(({ name = "", text = "" }) => [name, text]));
}

function attributesOf(attributes: readonly shape.Attribute[] = []): Attributes {
	// names come from the traffic: `__proto__` must be one like any other
	return Object.fromEntries(attributes.map((attribute) => [attribute.name ?? "", attributeValue(attribute)]));
}

function attributeValue({ text, integer, number, truth, texts }: shape.Attribute): AttributeValue {
	if (texts !== undefined) return texts.items ?? [];
	const value = text ?? integer ?? number ?? truth;
	if (value === undefined) throw new Error("an attribute without a value");
	return value;
}

type Words = typeof WORDS;

function word<L extends keyof Words>(list: L, number = 0): Exclude<Words[L][number], ""> {
	const found: readonly string[] = WORDS[list];
	const text = found[number] ?? "";
	if (!isWord(list, text)) throw new Error(`${list} ${number} has no name here`);
	return text;
}

function isWord<L extends keyof Words>(list: L, text: string): text is Exclude<Words[L][number], ""> {
	const found: readonly string[] = WORDS[list];
	return text !== "" && found.includes(text);
}
