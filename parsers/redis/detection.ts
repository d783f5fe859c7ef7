import type { DetectHint } from "../../core/index.js";
import { knownCommandEnd, nextCommand, nextUnasked } from "./alignment.js";
import { commandNamed } from "./commands.js";
import { rootEnd } from "./reply-lane.js";
import { bufferOf, INCOMPLETE, INVALID, LF, Type } from "./wire.js";

type Answer = "yes" | "no" | "more";

/**
 * Is it Redis? A whole command of a known name as an array of bulk strings; one of another name, or an inline command, only
 * with a reply that fits. Where bytes may begin in the middle: a place from which on everything is commands.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	if (hint.late) return lateAnswer(client, server);
	if (client.length === 0) return server.length === 0 || isReply(server) !== "no" ? "more" : "no";
	if (client[0] === Type.array) {
		const end = knownCommandEnd(client, 0, client.length);
		if (end > 0) return "yes";
		if (end === INCOMPLETE) return beginsLikeCommand(client);
		return "no";
	}
	return inlineAnswer(client, server);
}

/** The length of a large argument may be there long before its end. */
function beginsLikeCommand(client: Uint8Array): Answer {
	const text = bufferOf(client).toString("latin1", 0, Math.min(client.length, 256));
	const found = /^\*[1-9]\d{0,8}\r\n\$[1-9]\d?\r\n([A-Za-z][\w.-]*)\r\n(?:\$\d{1,10}\r\n)?/.exec(text);
	if (found === null) return "more";
	return commandNamed(found[1]!)?.isKnown === true ? "yes" : "no";
}

function inlineAnswer(client: Uint8Array, server: Uint8Array): Answer {
	const newline = client.indexOf(LF);
	const line = bufferOf(client).toString("latin1", 0, newline < 0 ? Math.min(client.length, 200) : newline);
	const word = /^[A-Za-z]{1,20}/.exec(line)?.[0] ?? "";
	if (word === "" || !/^[A-Za-z]{1,20}(?:[ \r]|$)/.test(line)) return "no";
	if (newline < 0) return client.length < 200 ? "more" : "no";
	if (/ HTTP\/\d/.test(line) || commandNamed(word)?.isKnown !== true) return "no";
	if (server.length === 0) return "more";
	return isReply(server);
}

/** The first reply, strict: other protocols of lines begin with `+OK ` or `*` as well. */
function isReply(server: Uint8Array): Answer {
	const end = rootEnd(server, 0, server.length);
	if (end === INVALID) return "no";
	if (end === INCOMPLETE) return server.length < 4096 ? "more" : "no";
	if (server[0] !== Type.simpleString) return "yes";
	return /^\+(?:OK|PONG|QUEUED|RESET)\r\n/.test(bufferOf(server).toString("latin1", 0, 16)) ? "yes" : "no";
}

function lateAnswer(client: Uint8Array, server: Uint8Array): Answer {
	const asked = nextCommand(client);
	if ("skip" in asked) return "yes";
	const told = nextUnasked(server);
	if ("skip" in told) return "yes";
	return asked.need > 0 || told.need > 0 || client.length === 0 ? "more" : "no";
}
