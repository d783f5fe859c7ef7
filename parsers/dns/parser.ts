import {
	type Direction,
	type MessageWriter,
	type ParserContext,
	type ParserOutput,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";
import { headOf } from "./heads.js";
import { beginOf, HEADER_BYTES, isLikelyHeader, type Message, readMessage } from "./message.js";

const LENGTH_BYTES = 2;
const IXFR = 251;
const AXFR = 252;
const MAX_TRANSFERS = 256;

/** A zone transfer: many messages that answer one question (RFC 5936, section 2.2). */
interface Transfer {
	readonly writer: MessageWriter;
	readonly serial: string;
	answers: number;
}

/** A datagram is a message; in a stream each stands behind its length (RFC 1035, section 4.2). */
export class DnsParser implements ProtocolParser {
	readonly #isDatagram: boolean;
	readonly #transfers = new Map<number, Transfer>();

	constructor({ hint }: ParserContext) {
		this.#isDatagram = hint.transport === "udp";
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		let at = 0;
		while (bytes.length - at >= LENGTH_BYTES) {
			const from = this.#isDatagram ? at : at + LENGTH_BYTES;
			const to = this.#isDatagram ? bytes.length : from + ((bytes[at]! << 8) | bytes[at + 1]!);
			if (to - from < HEADER_BYTES && !this.#isDatagram) {
				out.opaque("bad-length");
				return at;
			}
			if (to > bytes.length) break;
			// datagrams that were held stand behind each other
			const message = this.#isDatagram ? beginOf(bytes, from, to) : readMessage(bytes, from, to);
			if (message !== null && this.#isEarly(dir, message, at, out)) return at === 0 ? WAIT : at;
			if (message === null) out.count("dns.malformed");
			else this.#message(dir, message, at, out);
			at = message?.end ?? to;
		}
		return this.#isDatagram ? bytes.length : at;
	}

	/** An answer that was captured before its question. */
	#isEarly(dir: Direction, { id, isResponse }: Message, at: number, out: ParserOutput): boolean {
		if (dir === 0 || !isResponse || out.mustProceed || this.#transfers.has(id)) return false;
		return out.pending(at, id) === null;
	}

	/** What a hole takes of a message takes all of it. */
	gap(): boolean {
		return false;
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		if (dir === 1) this.#transfers.clear();
		if (this.#isDatagram) return { skip: 0 };
		for (let at = 0; at + LENGTH_BYTES + HEADER_BYTES <= bytes.length; at++) {
			const from = at + LENGTH_BYTES;
			const to = from + ((bytes[at]! << 8) | bytes[at + 1]!);
			if (to - from < HEADER_BYTES || !isLikelyHeader(bytes, from, dir === 1)) continue;
			if (to > bytes.length) return { need: bytes.length - at };
			if (readMessage(bytes, from, to) !== null) return { skip: at };
		}
		return { need: Math.min(bytes.length, LENGTH_BYTES + HEADER_BYTES - 1) };
	}

	end(): void {}

	/** One whose frame begins at `start`. */
	#message(dir: Direction, message: Message, start: number, out: ParserOutput): void {
		const to = message.end;
		// either end may ask (NOTIFY goes to a secondary), but only one end of a connection does
		if (message.isResponse !== (dir === 1)) {
			out.count("dns.unexpected_direction");
			return;
		}
		const transfer = dir === 1 ? this.#transfers.get(message.id) : undefined;
		if (transfer !== undefined) {
			this.#goOn(transfer, message, to);
			return;
		}
		if (isMiddleOfTransfer(message)) {
			out.count("dns.transfer_messages_lost");
			return;
		}
		const writer = out.begin(start, message.id);
		writer.head(headOf(message));
		put(writer, message);
		const isTransfer = this.#transferOf(message);
		if (isTransfer !== null && this.#transfers.size < MAX_TRANSFERS) {
			this.#transfers.set(message.id, { writer, serial: isTransfer, answers: message.answerCount });
			return;
		}
		writer.finish(to, message.isResponse && message.responseCode !== 0 ? "error" : "ok");
	}

	/** The serial of a transfer that goes on after its first message; null: it is none, or is over already. */
	#transferOf({ isResponse, questions, firstSerial, lastSerial, answerCount, responseCode }: Message): string | null {
		const type = questions[0]?.type;
		if (this.#isDatagram || !isResponse || responseCode !== 0 || (type !== AXFR && type !== IXFR)) return null;
		// a single SOA says that there is nothing new
		if (firstSerial === null || (answerCount === 1 && type === IXFR)) return null;
		return answerCount > 1 && lastSerial === firstSerial ? null : firstSerial;
	}

	#goOn(transfer: Transfer, message: Message, to: number): void {
		const { writer, serial } = transfer;
		put(writer, message);
		transfer.answers += message.answerCount;
		const isOver = message.lastSerial === serial || message.responseCode !== 0;
		if (!isOver) return;
		this.#transfers.delete(message.id);
		writer.annotate({ "dns.transfer.records": transfer.answers });
		writer.finish(to, message.responseCode === 0 ? "ok" : "error");
	}
}

/** Every transfer begins with a SOA record: its beginning was not seen. */
function isMiddleOfTransfer({ isResponse, questions, responseCode, answerCount, firstSerial }: Message): boolean {
	const type = questions[0]?.type;
	if (!isResponse || (type !== AXFR && type !== IXFR)) return false;
	return responseCode === 0 && answerCount > 0 && firstSerial === null;
}

function put(writer: MessageWriter, { entries, flags }: Message): void {
	for (const { value, bytes } of entries) writer.item(value, bytes);
	if (flags.includes("tc")) writer.flag("dns-truncated");
}
