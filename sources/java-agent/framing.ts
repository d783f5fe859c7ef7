import { LIMITS, type RpcProblem } from "./protocol.js";

const NEWLINE = 10;
const NOTHING = Buffer.alloc(0);

/** A JSON object that may be a JSON-RPC message; nothing about it is known yet. */
export type RawMessage = Readonly<Record<string, unknown>>;

export interface FrameReader {
	/**
	 * One message. `attachment` is what followed the line; it may be a view of the chunk that was pushed, and stays valid for as
	 * long as that does. Returns false when nothing more is wanted.
	 */
	onMessage(message: RawMessage, attachment: Uint8Array | null, lineBytes: number): boolean;
	/** The stream cannot be followed any further. Told once. */
	onProblem(problem: RpcProblem, detail: string): void;
}

/** Cuts a stream of bytes into lines and attachments. Holds one message at most, each within its limit. */
export class Framing {
	/** Set where the peer may send attachments. */
	allowsAttachments = false;
	readonly #reader: FrameReader;
	#line: Buffer[] = [];
	#lineBytes = 0;
	#message: RawMessage | null = null;
	#messageLineBytes = 0;
	#attachment: Buffer = NOTHING;
	#filled = 0;
	#isOver = false;

	constructor(reader: FrameReader) {
		this.#reader = reader;
	}

	/** True in the middle of a message. */
	get isPartial(): boolean {
		return this.#lineBytes > 0 || this.#message !== null;
	}

	push(chunk: Buffer): void {
		let at = 0;
		while (at < chunk.length && !this.#isOver) {
			at = this.#message === null ? this.#takeLine(chunk, at) : this.#takeAttachment(this.#message, chunk, at);
		}
	}

	#takeLine(chunk: Buffer, at: number): number {
		const end = chunk.indexOf(NEWLINE, at);
		const upTo = end < 0 ? chunk.length : end;
		if (this.#lineBytes + upTo - at > LIMITS.maxLineBytes) {
			this.#problem("limit", `a line is longer than ${LIMITS.maxLineBytes} bytes`);
			return chunk.length;
		}
		const piece = chunk.subarray(at, upTo);
		if (end < 0) {
			this.#line.push(piece);
			this.#lineBytes += piece.length;
			return chunk.length;
		}
		const line = this.#line.length === 0 ? piece : Buffer.concat([...this.#line, piece]);
		this.#line = [];
		this.#lineBytes = 0;
		if (line.length > 0) this.#readLine(line);
		return end + 1;
	}

	#readLine(line: Buffer): void {
		let value: unknown;
		try {
			value = JSON.parse(line.toString("utf8"));
		} catch {
			this.#problem("parse", "a line is no JSON");
			return;
		}
		if (typeof value !== "object" || value === null || Array.isArray(value)) {
			this.#problem("parse", "a line is no JSON object");
			return;
		}
		const message: RawMessage = { ...value };
		const bytes = attachmentOf(message);
		if (bytes === undefined) {
			this.#deliver(message, null, line.length);
			return;
		}
		if (!this.allowsAttachments) this.#problem("params", "attachments were not agreed on");
		else if (typeof bytes !== "number" || !Number.isInteger(bytes) || bytes < 1)
			this.#problem("params", "bin is no positive integer");
		else if (bytes > LIMITS.maxAttachmentBytes)
			this.#problem("limit", `an attachment is longer than ${LIMITS.maxAttachmentBytes} bytes`);
		else {
			this.#message = message;
			this.#messageLineBytes = line.length;
			this.#filled = 0;
			this.#attachment = NOTHING;
			this.#wanted = bytes;
		}
	}
	#wanted = 0;

	#takeAttachment(message: RawMessage, chunk: Buffer, at: number): number {
		const take = Math.min(chunk.length - at, this.#wanted - this.#filled);
		if (this.#filled === 0 && take === this.#wanted) {
			this.#message = null;
			this.#deliver(message, chunk.subarray(at, at + take), this.#messageLineBytes);
			return at + take;
		}
		// memory for what was announced only when some of it is here
		if (this.#filled === 0) this.#attachment = Buffer.allocUnsafeSlow(this.#wanted);
		chunk.copy(this.#attachment, this.#filled, at, at + take);
		this.#filled += take;
		if (this.#filled === this.#wanted) {
			const attachment = this.#attachment;
			this.#message = null;
			this.#attachment = NOTHING;
			this.#deliver(message, attachment, this.#messageLineBytes);
		}
		return at + take;
	}

	#deliver(message: RawMessage, attachment: Uint8Array | null, lineBytes: number): void {
		if (!this.#reader.onMessage(message, attachment, lineBytes)) this.#isOver = true;
	}

	#problem(problem: RpcProblem, detail: string): void {
		this.#isOver = true;
		this.#line = [];
		this.#reader.onProblem(problem, detail);
	}
}

function attachmentOf(message: RawMessage): unknown {
	const { params } = message;
	return typeof params === "object" && params !== null && "bin" in params ? params.bin : undefined;
}
