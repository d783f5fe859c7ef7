import { MessageHead, type ParserOutput } from "../../core/index.js";
import { Call } from "./call.js";
import { complaint } from "./notices.js";
import type { Session } from "./session.js";
import { parseStartup } from "./startup.js";
import { Back, CANCEL_REQUEST, GSS_REQUEST, HOLD, int32, MAX_STARTUP_BYTES, SSL_REQUEST } from "./wire.js";

/** The first record of TLS. */
const TLS_HANDSHAKE = 0x16;

/**
 * What a client says before anything else: that it wants encryption, that a query of another connection should stop, or who
 * it is. Returns the position after it, the same where more is needed, or HOLD.
 */
export function readOpening(session: Session, bytes: Uint8Array, at: number, out: ParserOutput): number {
	if (session.asked !== "nothing") {
		// a ClientHello or a StartupMessage: only the server's byte tells
		if (!out.mustProceed) return HOLD;
		if (session.asked === "gssapi") session.giveUp(out, "gssapi-encryption");
		else if (bytes[at] === TLS_HANDSHAKE) {
			session.isOver = true;
			out.handover("tls");
		}
		if (session.isOver) return at;
		session.asked = "nothing";
	}
	if (bytes.length - at < 8) return at;
	const length = int32(bytes, at);
	const code = int32(bytes, at + 4);
	if (length < 8 || length > MAX_STARTUP_BYTES) return giveUp(session, out, "bad-startup", at);
	if (code === SSL_REQUEST || code === GSS_REQUEST) {
		if (length !== 8) return giveUp(session, out, "bad-startup", at);
		session.asked = code === SSL_REQUEST ? "tls" : "gssapi";
		return at + 8;
	}
	const end = at + length;
	if (bytes.length < end) return at;
	if (code === CANCEL_REQUEST) return cancel(session, bytes, at, end, out);
	if (code >>> 16 !== 3) return giveUp(session, out, "protocol-version", at);
	const startup = parseStartup(bytes, at, end);
	if (startup === null) return giveUp(session, out, "bad-startup", at);
	const { minor, parameters } = startup;
	const parameter = (name: string): string | undefined => parameters.find(([key]) => key === name)?.[1];
	const user = parameter("user") ?? "";
	session.setDatabase(parameter("database") ?? user);
	const encoding = parameter("client_encoding");
	if (encoding !== undefined) session.setParameter("client_encoding", encoding, out);
	session.isStarted = true;
	const tag = session.nextTag();
	const request = out.begin(at, tag);
	const attributes = {
		...session.common,
		"postgresql.request": "startup",
		"postgresql.user": user,
		"postgresql.protocol_version": `3.${minor}`,
	};
	request.head(new MessageHead("STARTUP", attributes, parameters));
	out.note("postgresql.user", user);
	out.note("postgresql.database", session.database ?? "");
	const application = parameter("application_name");
	if (application !== undefined) out.note("postgresql.application_name", application);
	const call = new Call(tag, out.timeAt(at), request);
	call.kind = "startup";
	call.isAsked = true;
	session.login = call;
	session.expectations.push("startup", call.startUs, call);
	return end;
}

/** Of an error before the StartupMessage. */
const MAX_ERROR_BYTES = 512 << 10;

/** What the server says to a client that asked for encryption: one byte, or an error. Returns as `readOpening` does. */
export function readOpeningAnswer(session: Session, bytes: Uint8Array, at: number, out: ParserOutput): number {
	const answer = bytes[at]!;
	if (answer === 0x4e) {
		out.note("postgresql.encryption", `${session.asked} refused`);
		session.asked = "nothing";
		return at + 1;
	}
	if (answer === 0x53 && session.asked === "tls") {
		out.note("postgresql.encryption", "tls");
		session.isOver = true;
		out.handover("tls");
		return at + 1;
	}
	if (answer === 0x47 && session.asked === "gssapi") {
		out.note("postgresql.encryption", "gssapi");
		return giveUp(session, out, "gssapi-encryption", at + 1);
	}
	if (answer !== Back.error) return giveUp(session, out, "bad-encryption-answer", at);
	if (bytes.length - at < 5) return at;
	const end = at + 1 + int32(bytes, at + 1);
	if (end - at > MAX_ERROR_BYTES) return giveUp(session, out, "bad-message", at);
	if (end > bytes.length) return at;
	session.asked = "nothing";
	return complaint(null, bytes, at, end, out) ? end : giveUp(session, out, "bad-message", at);
}

/** Whoever knows the key may stop the query: it is a secret. */
function cancel(session: Session, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
	if (end - at < 12) return giveUp(session, out, "bad-startup", at);
	const attributes = {
		...session.common,
		"postgresql.request": "cancel",
		"postgresql.backend_pid": int32(bytes, at + 8),
	};
	const writer = out.begin(at, undefined, "message");
	writer.head(new MessageHead("CANCEL", attributes, []));
	writer.secret(end - at - 12);
	writer.finish(end, "ok");
	return end;
}

function giveUp(session: Session, out: ParserOutput, reason: string, at: number): number {
	session.giveUp(out, reason);
	return at;
}
