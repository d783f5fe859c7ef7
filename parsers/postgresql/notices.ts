import { MessageHead, type ParserOutput } from "../../core/index.js";
import type { Call } from "./call.js";
import { parseComplaint } from "./errors.js";
import { errorHead } from "./heads.js";
import type { Session } from "./session.js";
import { int32, nulAt, utf8 } from "./wire.js";

/** Notices that one response keeps; the others are counted. */
const MAX_NOTICES = 256;

/** A NoticeResponse, or an error that answers nothing: a part of the response under way, or a message of its own. */
export function complaint(call: Call | null, bytes: Uint8Array, at: number, end: number, out: ParserOutput): boolean {
	const parsed = parseComplaint(bytes, at + 5, end);
	if (parsed === null) return false;
	const head = errorHead(parsed, null);
	if (call?.response != null) {
		out.count("postgresql.notices");
		if (++call.notices <= MAX_NOTICES) call.response.interim(head, at);
		else call.response.flag("notices-cap");
		return true;
	}
	const writer = out.begin(at, undefined, "message");
	writer.head(head);
	writer.finish(end, bytes[at] === ERROR ? "error" : "ok");
	return true;
}

const ERROR = 69;

/** A NotificationResponse: process, channel, payload. */
export function notification(session: Session, bytes: Uint8Array, at: number, end: number, out: ParserOutput): boolean {
	const channelEnd = nulAt(bytes, at + 9, end);
	if (channelEnd < 0 || nulAt(bytes, channelEnd + 1, end) !== end - 1) return false;
	const channel = utf8(bytes, at + 9, channelEnd);
	const writer = out.begin(at, undefined, "message");
	const attributes = {
		...session.common,
		"postgresql.request": "notification",
		"messaging.destination.name": channel,
		"postgresql.backend_pid": int32(bytes, at + 5),
	};
	writer.head(new MessageHead(`NOTIFY ${channel}`, attributes, []));
	writer.body(bytes, channelEnd + 1, end - 1);
	writer.finish(end, "ok");
	return true;
}

export function parameterStatus(
	session: Session,
	bytes: Uint8Array,
	at: number,
	end: number,
	out: ParserOutput,
): boolean {
	const nameEnd = nulAt(bytes, at + 5, end);
	if (nameEnd < 0 || nulAt(bytes, nameEnd + 1, end) !== end - 1) return false;
	session.setParameter(utf8(bytes, at + 5, nameEnd), utf8(bytes, nameEnd + 1, end - 1), out);
	return true;
}
