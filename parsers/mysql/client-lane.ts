import { MessageHead, type MessageWriter, type ParserOutput } from "../../core/index.js";
import * as command from "./commands.js";
import { CommandHead, commandName } from "./commands.js";
import { type Login, readChangeUser, readLogin, SSL_REQUEST_BYTES } from "./handshake.js";
import { Lane } from "./lane.js";
import { LongText } from "./long-text.js";
import { HOLD, MAX_PAYLOAD, type PacketStart, PIECES, WHOLE } from "./packets.js";
import { commonAttributes, MAX_TEXT_BYTES, type QueryHeads } from "./query-heads.js";
import { Requests } from "./requests.js";
import { findCommand } from "./resynchronise.js";
import type { Session } from "./session.js";

/** What is done with the pieces of a payload. */
type Stream = "text" | "long-data" | "upload" | "secret";

const MAX_LOGIN_BYTES = 65_536;

/** What the client says: a login, commands, and in between what the server asked for. */
export class ClientLane extends Lane {
	#code = -1;
	#isLogin = false;
	#writer: MessageWriter | null = null;
	#stream: Stream = "secret";
	readonly #text = new LongText();
	#length = 0;
	/** First bytes of what is sent ahead for a parameter: whose it is. */
	#ahead: number[] = [];
	/** Inside a file's content, whose packets may come to sequence number 0 again. */
	#isUploading = false;
	#loginId: string | null = null;
	readonly #requests: Requests;

	constructor(session: Session, heads: QueryHeads) {
		super(session);
		this.#requests = new Requests(session, heads);
	}

	begins(start: PacketStart, out: ParserOutput): number {
		const { session } = this;
		// a login may also follow a greeting that was lost
		const mayLogIn =
			!session.isLate || (this.#code === -1 && start.sequence !== 0 && start.length >= SSL_REQUEST_BYTES);
		this.#isLogin = session.login === null && mayLogIn;
		if (this.#isLogin) return this.#beginLogin(start, out);
		const goesOn = start.sequence !== 0 || (this.#isUploading && this.packets.sequence === 0xff);
		if (goesOn) return this.#beginAnswer(start, out);
		if (session.willCompress && !this.isCompressed) {
			this.switchToFrames();
			return HOLD;
		}
		return this.#beginCommand(start, out);
	}

	#beginLogin({ sequence, length, here }: PacketStart, out: ParserOutput): number {
		if (this.session.greeting === null && !out.mustProceed && sequence === 1 && this.hold()) return HOLD;
		if (length > MAX_LOGIN_BYTES || sequence === 0) {
			this.giveUp("bad-login", out);
			return HOLD;
		}
		return here < length ? HOLD : WHOLE;
	}

	#beginCommand({ index, length, first, here }: PacketStart, out: ParserOutput): number {
		const { session } = this;
		const { statements } = session;
		if (statements.preparing > 0 && isOfStatement(first) && !out.mustProceed && this.hold()) return HOLD;
		session.upload?.finish(this.startAt(index), "ok");
		session.upload = null;
		this.#isUploading = false;
		session.commandsSinceLoss++;
		this.#code = first;
		const writer = out.begin(this.startAt(index), undefined, command.isOneWay(first) ? "message" : "exchange");
		this.#writer = writer;
		// an answer that comes before the end must know what it answers
		const isLong = length === MAX_PAYLOAD;
		if (here < length || isLong) {
			const head = this.#requests.plain(first);
			session.unfinished = isLong ? head.asLong() : head;
			writer.head(session.unfinished);
		}
		if (first === command.PREPARE) statements.preparing++;
		const isText = first === command.QUERY || first === command.PREPARE;
		this.#length = 0;
		if (isText && length > MAX_TEXT_BYTES) {
			this.#stream = "text";
			this.#text.begin(session.sendsQueryAttributes && first === command.QUERY);
			return PIECES;
		}
		if (first === command.SEND_LONG_DATA) {
			this.#stream = "long-data";
			this.#ahead = [];
			return PIECES;
		}
		return WHOLE;
	}

	/** What the server asked for: proof of who it is, or a file. */
	#beginAnswer({ index, length }: PacketStart, out: ParserOutput): number {
		const { upload } = this.session;
		this.#length = 0;
		if (upload !== null && this.#code === command.QUERY) {
			this.#isUploading = length > 0;
			this.#stream = "upload";
			this.#writer = upload;
			return PIECES;
		}
		this.#stream = "secret";
		const writer = out.begin(this.startAt(index), undefined, "message", this.#loginId ?? undefined);
		// which schema is the default one by now depends on answers that may not have been read
		const attributes = commonAttributes(this.#code, { system: this.session.system, namespace: null });
		writer.head(new MessageHead("AUTHENTICATION", attributes, []));
		this.#writer = writer;
		return PIECES;
	}

	packet(bytes: Buffer | null, from: number, to: number, length: number, end: number, out: ParserOutput): void {
		const { session } = this;
		session.clientSequence = this.packets.sequence;
		session.unfinished = null;
		if (this.#isLogin) {
			this.#isLogin = false;
			this.#login(readLogin(bytes!, from, to), end - length - 4, end, out);
			return;
		}
		const writer = this.#writer;
		if (writer === null) return;
		this.#writer = null;
		if (bytes === null) {
			writer.head(this.#requests.plain(this.#code).asLong());
			writer.bodyGap(length);
			writer.finish(this.endAt(end), "ok");
			return;
		}
		if (this.#code === command.CHANGE_USER) this.#changeUser(writer, bytes, from, to);
		else {
			const head = this.#requests.write(writer, this.#code, bytes, from, to, this.placeOf(end));
			if (length >= MAX_PAYLOAD) writer.head(head.asLong());
			if (head.mayUpload) {
				session.upload = writer;
				return;
			}
		}
		writer.finish(this.endAt(end), "ok");
	}

	piece(bytes: Buffer, from: number, to: number): void {
		const writer = this.#writer!;
		this.#length += to - from;
		if (this.#stream === "secret") writer.secret(to - from);
		else if (this.#stream === "upload") this.body(writer, bytes, from, to);
		else if (this.#stream === "text") {
			const at = this.#text.add(bytes, from, to);
			if (at < to) this.body(writer, bytes, at, to);
		} else this.#longData(writer, bytes, from, to);
	}

	missing(length: number): void {
		this.#length += length;
		this.#text.cut();
		this.#writer!.bodyGap(length);
	}

	ends(end: number): void {
		const { session } = this;
		session.clientSequence = this.packets.sequence;
		session.unfinished = null;
		const writer = this.#writer!;
		this.#writer = null;
		if (this.#stream === "upload") {
			// an empty packet is the end of the file
			if (this.#length > 0) return;
			this.#isUploading = false;
			session.upload = null;
		} else if (this.#stream === "text") {
			const head = this.#text.head(this.#code, session);
			writer.head(this.#length < MAX_PAYLOAD ? head : head.asLong());
			if (head.mayUpload) {
				session.upload = writer;
				return;
			}
		} else if (this.#stream === "long-data") this.#requests.longData(writer, this.#ahead, this.#length);
		writer.finish(this.endAt(end), "ok");
	}

	/** Command, statement and parameter, seven bytes, stand before the value. */
	#longData(writer: MessageWriter, bytes: Buffer, from: number, to: number): void {
		let at = from;
		while (this.#ahead.length < 7 && at < to) this.#ahead.push(bytes[at++]!);
		if (at < to) this.body(writer, bytes, at, to);
	}

	#login(login: Login | null, start: number, end: number, out: ParserOutput): void {
		const { session } = this;
		if (login === null) {
			this.giveUp("bad-login", out);
			return;
		}
		if (login.isTlsRequest) {
			this.isOver = true;
			out.handover("tls");
			return;
		}
		const writer = out.begin(start);
		session.login = login;
		this.#code = command.LOGIN;
		session.namespace = login.schema;
		this.#identity(writer, command.LOGIN, login);
		this.#loginId = writer.id;
		writer.finish(end, "ok");
	}

	#changeUser(writer: MessageWriter, bytes: Buffer, from: number, to: number): void {
		const { capabilities } = this.session;
		const login = capabilities === null ? null : readChangeUser(bytes, from + 1, to, capabilities);
		this.#loginId = writer.id;
		if (login !== null) {
			this.#identity(writer, command.CHANGE_USER, login);
			return;
		}
		writer.head(this.#requests.plain(command.CHANGE_USER));
		writer.secret(to - from - 1);
	}

	#identity(writer: MessageWriter, code: number, login: Login): void {
		const { session } = this;
		const namespace = login.schema;
		const attributes = commonAttributes(code, { system: session.system, namespace });
		attributes["mysql.user"] = login.user;
		if (login.plugin !== null) attributes["mysql.auth_plugin"] = login.plugin;
		if (login.collation !== 0) attributes["mysql.collation"] = login.collation;
		if (login.attributes.length > 0)
			attributes["mysql.client_attributes"] = login.attributes.map(([name, value]) => `${name}=${value}`);
		if (code === command.LOGIN && session.greeting !== null) {
			attributes["mysql.server_version"] = session.greeting.serverVersion;
			attributes["mysql.connection_id"] = session.greeting.connectionId;
		}
		if (session.willCompress) attributes["mysql.compressed"] = true;
		writer.head(new CommandHead(code, commandName(code)!, attributes, null, namespace));
		if (login.secretBytes > 0) writer.secret(login.secretBytes);
	}

	resync(bytes: Buffer): { skip: number } | { need: number } {
		const { session } = this;
		if (session.login === null) session.isLate = true;
		const found = findCommand(bytes, this.isCompressed || (session.isLate ? "either" : session.willCompress));
		if (found === null) return { need: 0 };
		if ("need" in found) return found;
		if (found.isCompressed) session.isCompressed = true;
		this.restart(found.isCompressed);
		this.#writer = null;
		session.upload = null;
		session.unfinished = null;
		this.#isUploading = false;
		session.statements.commandsLost();
		return { skip: found.at };
	}
}

function isOfStatement(code: number): boolean {
	return (
		(code >= command.EXECUTE && code <= command.FETCH && code !== command.SET_OPTION) || code === command.BULK_EXECUTE
	);
}
