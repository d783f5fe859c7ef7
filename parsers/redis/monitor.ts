import { type AttributeValue, MessageHead, type MessageWriter } from "../../core/index.js";
import { commandNamed } from "./commands.js";
import { QueryText } from "./query-text.js";
import { secretArguments } from "./secrets.js";
import { bufferOf } from "./wire.js";
import { wordsOf } from "./words.js";

const LINE = /^(\d{9,11}\.\d{6}) \[(\d+) (.{1,300}?)\] (".*)$/s;

/** Does a line of text that begins at `at` look like one of MONITOR? */
export function isMonitorLine(bytes: Uint8Array, at: number, to: number): boolean {
	return /^\+\d{9,11}\.\d{6} \[\d+ /.test(bufferOf(bytes).toString("latin1", at, Math.min(to, at + 40)));
}

/** What MONITOR tells of one command, without its secrets. `at` to `to`: the line without its type and its end. */
export function tellMonitored(writer: MessageWriter, bytes: Uint8Array, at: number, to: number): void {
	const line = LINE.exec(bufferOf(bytes).toString("latin1", at, to));
	const words = line === null ? null : wordsOf(line[4]!);
	const facts = words === null || words.length === 0 ? null : commandNamed(words[0]!);
	if (line === null || words === null || facts === null) {
		writer.head(new MessageHead("monitor", { "db.system.name": "redis" }, []));
		// what cannot be read cannot be looked through for secrets
		writer.secret(to - at);
		return;
	}
	const secrets = secretArguments(facts, words);
	const query = new QueryText();
	query.start(facts);
	for (const [i, word] of words.entries()) {
		if (i > 0) {
			if (secrets?.[i] !== true && query.isNextShown) query.show(word);
			else query.hide();
		}
		if (secrets?.[i] === true) writer.secret(word.length);
		else writer.item(Buffer.from(word, "latin1").toString("utf8"), word.length);
	}
	const attributes: Record<string, AttributeValue> = {
		"db.system.name": "redis",
		"db.operation.name": facts.name,
		"db.query.text": query.text,
		"db.namespace": line[2]!,
		"redis.monitor.client": line[3]!,
		"redis.monitor.time": line[1]!,
	};
	writer.head(new MessageHead(`monitor ${query.text}`, attributes, []));
}
