import {
	MessageHead,
	type MessageWriter,
	type ParserOutput,
	type ParserPlugin,
	type ProtocolParser,
	WAIT,
} from "polytap";

const LF = 10;
const QUESTION = 0x3f;
const ANSWER = 0x21;
const MAX_LINE_BYTES = 4096;

/** `?text` asks, `!text` answers, a line each. Put your protocol in its place. */
class Parser implements ProtocolParser {
	data(dir: 0 | 1, bytes: Uint8Array, out: ParserOutput): number {
		const end = bytes.indexOf(LF);
		if ((end < 0 ? bytes.length : end) > MAX_LINE_BYTES || bytes[0] !== (dir === 0 ? QUESTION : ANSWER)) {
			out.opaque("bad-line");
			return 0;
		}
		// the rest comes later, in front of a longer array
		if (end < 0) return 0;
		// an answer may be offered before its question
		if (dir === 1 && out.pending(0) === null && !out.mustProceed) return WAIT;
		const message: MessageWriter = out.begin(0);
		message.head(new MessageHead(dir === 0 ? "question" : "answer", {}, []));
		message.body(bytes, 1, end);
		message.finish(end + 1, "ok");
		return end + 1;
	}

	/** No payload can hold a hole: whole lines are messages. */
	gap(): boolean {
		return false;
	}

	resync(_dir: 0 | 1, bytes: Uint8Array): { skip: number } | { need: number } {
		const end = bytes.indexOf(LF);
		return end < 0 ? { need: 0 } : { skip: end + 1 };
	}

	end(): void {}
}

const plugin: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "__NAME__",
	summary: "Questions and answers, a line each",
	readsOnly: true,
	example: [
		{ from: "client", text: "?who\n?where\n" },
		{ from: "server", text: "!me\n!here\n" },
	],
	detect(client, server) {
		if (server.length > 0 && server[0] !== ANSWER) return "no";
		if (client.length === 0) return "more";
		if (client[0] !== QUESTION) return "no";
		return client.includes(LF) ? "yes" : "more";
	},
	create: () => new Parser(),
};

export default plugin;
