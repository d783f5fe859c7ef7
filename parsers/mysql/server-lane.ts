import { MessageHead, type MessageWriter, type ParserOutput } from "../../core/index.js";
import { Answers } from "./answers.js";
import * as command from "./commands.js";
import { CommandHead } from "./commands.js";
import { readGreeting } from "./handshake.js";
import { Lane } from "./lane.js";
import { errAttributes, PROGRESS_CODE, readErr, readProgress } from "./outcomes.js";
import { HOLD, MAX_PAYLOAD, type PacketStart, RAW, WHOLE } from "./packets.js";
import { Response } from "./response.js";
import { ResponseHeads } from "./response-heads.js";
import { findResponse } from "./resynchronise.js";
import { largeRowHeader } from "./row-decoders.js";
import type { Session } from "./session.js";

const MAX_GREETING_BYTES = 4096;

/** What the server says: its greeting, and responses. */
export class ServerLane extends Lane {
	#response: Response | null = null;
	/** A message of the server's own: why it ends the connection. */
	#noticeWriter: MessageWriter | null = null;
	#isLargeRow = false;
	/** A packet that belongs to nothing that is known. */
	#isStray = false;
	/** Where rows lie that were not told yet; null: there are none. */
	#rows: Buffer | null = null;
	#rowsFrom = 0;
	#rowsTo = 0;
	readonly #answers: Answers;
	readonly #heads: ResponseHeads;

	constructor(session: Session, shared: Map<string, unknown>) {
		super(session);
		this.#heads = ResponseHeads.of(shared);
		this.#answers = new Answers(session);
	}

	begins(start: PacketStart, out: ParserOutput): number {
		const { session } = this;
		const { sequence, length, first } = start;
		if (session.login === null && !session.isLate) {
			if (session.greeting === null) return this.#beginGreeting(start, out);
			// what follows the greeting answers a login, or is TLS
			if (first !== 0xff || sequence !== 0) {
				if (!out.mustProceed && this.hold()) return HOLD;
				session.isLate = true;
			}
		}
		if (this.#response === null && !this.#beginResponse(start, out)) return HOLD;
		if (this.#noticeWriter !== null || this.#isStray) return WHOLE;
		const answers = this.#answers;
		if (!answers.isInRows || first === 0xff || (first === 0xfe && length < MAX_PAYLOAD)) return WHOLE;
		this.#response!.rows++;
		this.#isLargeRow = length === MAX_PAYLOAD;
		return this.#isLargeRow ? WHOLE : RAW;
	}

	#beginGreeting({ sequence, length, here, first }: PacketStart, out: ParserOutput): number {
		if (length > MAX_GREETING_BYTES || (sequence !== 0 && first !== 0xff)) {
			this.giveUp("bad-greeting", out);
			return HOLD;
		}
		return here < length ? HOLD : WHOLE;
	}

	/** False: not yet, or never. */
	#beginResponse({ index, sequence, first }: PacketStart, out: ParserOutput): boolean {
		this.#isStray = false;
		this.#noticeWriter = null;
		if (sequence === 0 && first === 0xff) {
			this.#noticeWriter = out.begin(this.startAt(index), undefined, "message");
			return true;
		}
		const at = this.startAt(index);
		const head = out.pending(at);
		if (head === null && !out.mustProceed && this.hold()) return false;
		const known = head instanceof CommandHead ? head : null;
		// what follows on an answer that was over is no answer, whatever was asked meanwhile
		const goesOn = sequence !== 1 && sequence === ((this.packets.sequence + 1) & 0xff);
		if (goesOn && known?.isLong !== true) {
			this.#isStray = true;
			return true;
		}
		// an answer to what was not heard to its end: the rest of it comes
		const isEarly = head !== null && head === this.session.unfinished && first !== 0xff;
		if (isEarly && !out.mustProceed && this.hold()) return false;
		if (known !== null && command.isStream(known.code) && first !== 0xff) {
			out.settle("ok");
			this.giveUp("replication-stream", out);
			return false;
		}
		this.#response = new Response(out.begin(at), known, this.#heads);
		this.#answers.begin(this.#response);
		return true;
	}

	packet(bytes: Buffer | null, from: number, to: number, length: number, end: number, out: ParserOutput): void {
		this.hasRead();
		const response = this.#response;
		if (this.#isLargeRow && response !== null) {
			this.#largeRow(response, bytes, from, to, length, end);
			return;
		}
		if (bytes === null) {
			this.giveUp("unreadable-packet", out);
			return;
		}
		if (response === null) this.#alone(bytes, from, to, length, end, out);
		else if (length === 0) this.giveUp("malformed-response", out);
		else if (bytes[from] === 0xff) this.#error(response, bytes, from, to, end, out);
		else {
			const place = this.placeOf(end);
			const isOver = this.#answers.packet(bytes, from, to, this.startAt(Math.max(0, end - length)), place);
			if (isOver === null) this.giveUp("malformed-response", out);
			else if (isOver) this.#finish(response, end, "ok");
		}
	}

	/** A row of several packets. */
	#largeRow(response: Response, bytes: Buffer | null, from: number, to: number, length: number, end: number): void {
		this.#isLargeRow = false;
		const header = largeRowHeader(length);
		const { target } = response;
		this.body(target, header, 0, header.length, Math.max(0, end - length - header.length));
		if (bytes === null) target.bodyGap(length);
		else this.body(target, bytes, from, to, Math.max(0, end - length));
	}

	#error(response: Response, bytes: Buffer, from: number, to: number, end: number, out: ParserOutput): void {
		const error = readErr(bytes, from, to);
		if (error?.code === PROGRESS_CODE) {
			const progress = readProgress(bytes, from, to);
			if (progress !== null) response.progress(progress, this.startAt(Math.max(0, end - 1)));
			return;
		}
		if (error === null) {
			this.giveUp("malformed-response", out);
			return;
		}
		response.error(error, this.startAt(Math.max(0, end - (to - from))));
		this.#answers.failed();
		this.#finish(response, end, "error");
	}

	#finish(response: Response, end: number, outcome: "ok" | "error"): void {
		const { session } = this;
		if (session.upload !== null && response.command?.mayUpload === true) {
			session.upload.abandon("ok");
			session.upload = null;
		}
		response.writer.finish(this.endAt(end), outcome);
		this.#response = null;
		if (session.isLoggedIn && session.willCompress && !this.isCompressed) this.switchToFrames();
	}

	/** The greeting, a notice, or what nobody asked for. */
	#alone(bytes: Buffer, from: number, to: number, length: number, end: number, out: ParserOutput): void {
		const { session } = this;
		if (this.#noticeWriter !== null || (session.greeting === null && bytes[from] === 0xff)) {
			this.#notice(bytes, from, to, end, out);
			return;
		}
		if (this.#isStray) {
			// the EOF that ends an answer of which nobody could tell whether one follows
			if (length === 5 && bytes[from] === 0xfe) session.seenEofs = true;
			out.count("mysql.unattributed_bytes", length + 4);
			return;
		}
		const greeting = readGreeting(bytes, from, to);
		if (greeting === null) this.giveUp("bad-greeting", out);
		else if (greeting.protocolVersion !== 10) this.giveUp(`protocol-version-${greeting.protocolVersion}`, out);
		else session.greeting = greeting;
	}

	#notice(bytes: Buffer, from: number, to: number, end: number, out: ParserOutput): void {
		const error = readErr(bytes, from, to);
		// a refusal instead of a greeting is shown whole
		const writer = this.#noticeWriter ?? out.begin(Math.max(0, end - (to - from) - 4), undefined, "message");
		this.#noticeWriter = null;
		if (error === null) {
			this.giveUp("malformed-response", out);
			return;
		}
		writer.head(new MessageHead(`ERROR ${error.code}`, errAttributes(error), []));
		writer.finish(this.endAt(end), "error");
		// a server that refuses says nothing more
		if (this.session.greeting === null) this.session.isLate = true;
	}

	/** Rows that lie one behind the other are told at once. */
	piece(bytes: Buffer, from: number, to: number): void {
		if (this.#rows === null) {
			this.#rows = bytes;
			this.#rowsFrom = from;
		} else if (from !== this.#rowsTo) {
			this.hasRead();
			this.piece(bytes, from, to);
			return;
		}
		this.#rowsTo = to;
	}

	override hasRead(): void {
		const rows = this.#rows;
		if (rows === null) return;
		this.#rows = null;
		if (this.#response !== null) this.body(this.#response.target, rows, this.#rowsFrom, this.#rowsTo);
	}

	missing(length: number): void {
		this.#response?.target.bodyGap(length);
	}

	ends(): void {}

	resync(bytes: Buffer): { skip: number } | { need: number } {
		const { session } = this;
		if (session.login === null) session.isLate = true;
		const found =
			session.commandsSinceLoss === 0 ? null : findResponse(bytes, session.isCompressed || session.willCompress);
		if (found === null || "need" in found) return { need: 0 };
		this.restart(found.isCompressed);
		this.#response = null;
		session.statements.preparing = 0;
		session.statements.responsesLost();
		return { skip: found.at };
	}
}
