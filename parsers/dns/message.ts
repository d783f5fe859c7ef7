import type { StructuredValue } from "../../core/index.js";
import { className, optionName, typeName } from "./names.js";
import { MessageReader } from "./reader.js";
import { dataText } from "./record-data.js";

export const HEADER_BYTES = 12;
const OPT = 41;
const CLIENT_SUBNET = 8;
const SECTIONS = ["answer", "authority", "additional"] as const;

export interface Question {
	readonly name: string;
	readonly type: number;
	readonly class: number;
}

/** A question or a record, and what it took of the message. */
export interface Entry {
	readonly value: StructuredValue;
	readonly bytes: number;
}

/** RFC 6891. */
export interface Edns {
	readonly udpSize: number;
	readonly version: number;
	readonly wantsSecurity: boolean;
	readonly options: readonly string[];
	readonly clientSubnet: string | null;
}

/** RFC 1035, section 4. */
export interface Message {
	readonly id: number;
	readonly isResponse: boolean;
	readonly opcode: number;
	/** With the upper bits that EDNS brings. */
	readonly responseCode: number;
	readonly flags: readonly string[];
	readonly questions: readonly Question[];
	readonly entries: readonly Entry[];
	/** Content of the answers alone. */
	readonly answers: readonly string[];
	readonly edns: Edns | null;
	/** Serial of the first and of the last answer, where they are SOA records; null: they are not. */
	readonly firstSerial: string | null;
	readonly lastSerial: string | null;
	readonly answerCount: number;
	/** Where it ends. */
	readonly end: number;
}

/** In the order of their bits (RFC 1035, section 4.1.1; RFC 4035, section 3). */
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
	[0x0400, "aa"],
	[0x0200, "tc"],
	[0x0100, "rd"],
	[0x0080, "ra"],
	[0x0020, "ad"],
	[0x0010, "cd"],
];

/** Bytes `from` to `to`, all of them; null: this is no message of DNS, or not all of one. */
export function readMessage(bytes: Uint8Array, from: number, to: number): Message | null {
	const message = beginOf(bytes, from, to);
	return message?.end === to ? message : null;
}

/** A message that ends at `to` or before it. */
export function beginOf(bytes: Uint8Array, from: number, to: number): Message | null {
	if (to - from < HEADER_BYTES) return null;
	const reader = new MessageReader(bytes, from, to);
	const id = reader.u16();
	const bits = reader.u16();
	const questionCount = reader.u16();
	const counts = [reader.u16(), reader.u16(), reader.u16()];
	const questions: Question[] = [];
	const entries: Entry[] = [];
	const answers: string[] = [];
	for (let i = 0; i < questionCount; i++) {
		const start = reader.at;
		const question = { name: reader.name(), type: reader.u16(), class: reader.u16() };
		if (reader.isBad) return null;
		questions.push(question);
		const value = {
			section: "question",
			name: question.name,
			type: typeName(question.type),
			class: className(question.class),
		};
		entries.push({ value, bytes: reader.at - start });
	}
	let edns: Edns | null = null;
	let extendedCode = 0;
	let firstSerial: string | null = null;
	let lastSerial: string | null = null;
	for (const [number, section] of SECTIONS.entries())
		for (let i = 0; i < counts[number]!; i++) {
			const start = reader.at;
			const name = reader.name();
			const type = reader.u16();
			const kind = reader.u16();
			const ttl = reader.u32();
			const length = reader.u16();
			const at = reader.at;
			reader.take(length);
			if (reader.isBad) return null;
			if (type === OPT) {
				edns ??= readEdns(reader, kind, ttl, at, at + length);
				extendedCode = Math.floor(ttl / 0x100_0000);
				continue;
			}
			const data = dataText(type, reader, at, at + length);
			if (number === 0) {
				answers.push(data);
				lastSerial = typeName(type) === "SOA" ? (data.split(" ")[2] ?? null) : null;
				if (i === 0) firstSerial = lastSerial;
			}
			const value = { section, name, type: typeName(type), class: className(kind), ttl, data };
			entries.push({ value, bytes: reader.at - start });
		}
	return {
		id,
		isResponse: (bits & 0x8000) !== 0,
		opcode: (bits >> 11) & 15,
		responseCode: (extendedCode << 4) | (bits & 15),
		flags: FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name),
		questions,
		entries,
		answers,
		edns,
		firstSerial,
		lastSerial,
		answerCount: counts[0]!,
		end: reader.at,
	};
}

function readEdns(message: MessageReader, udpSize: number, ttl: number, at: number, to: number): Edns {
	const reader = new MessageReader(message.bytes, message.from, to);
	reader.at = at;
	const options: string[] = [];
	let clientSubnet: string | null = null;
	while (reader.at < to && !reader.isBad) {
		const code = reader.u16();
		const data = reader.take(reader.u16());
		if (reader.isBad) break;
		options.push(optionName(code));
		if (code === CLIENT_SUBNET) clientSubnet = subnetText(data);
	}
	return {
		udpSize,
		version: Math.floor(ttl / 0x1_0000) & 0xff,
		wantsSecurity: (ttl & 0x8000) !== 0,
		options,
		clientSubnet,
	};
}

/** RFC 7871, section 6: no more bytes of the address than the prefix needs. */
function subnetText(data: Uint8Array): string | null {
	if (data.length < 4) return null;
	const family = (data[0]! << 8) | data[1]!;
	const size = family === 1 ? 4 : family === 2 ? 16 : 0;
	if (size === 0 || data.length - 4 > size) return null;
	const address = new Uint8Array(size);
	address.set(data.subarray(4));
	const text =
		family === 1
			? address.join(".")
			: Array.from({ length: 8 }, (_, i) => ((address[2 * i]! << 8) | address[2 * i + 1]!).toString(16)).join(":");
	return `${text}/${data[2]}`;
}

/** Could a message begin with this header? `isAnswer`: it would be a response. Twelve bytes at the least. */
export function isLikelyHeader(bytes: Uint8Array, at: number, isAnswer: boolean): boolean {
	const bits = (bytes[at + 2]! << 8) | bytes[at + 3]!;
	const opcode = (bits >> 11) & 15;
	if (bits >> 15 !== (isAnswer ? 1 : 0) || opcode > 6 || opcode === 3) return false;
	// no bit is set that has no meaning, and a question has no response code
	if ((bits & 0x0040) !== 0 || (!isAnswer && (bits & 15) !== 0)) return false;
	const questions = (bytes[at + 4]! << 8) | bytes[at + 5]!;
	// what answers with an error may leave out the question
	return questions === 1 || (isAnswer && questions === 0);
}
