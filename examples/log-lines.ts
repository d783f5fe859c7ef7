/** A parser for a small line protocol: `level text\n`, one way. Streams lines of any length; a hole costs one line. */
import { MessageHead, type MessageWriter, type ParserPlugin } from "polytap";

const LF = 10;
const LEVEL = /^(?:debug|info|warn|error) /;
/** The longest level and its space. */
const LEVEL_BYTES = 6;

const logLines: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "log-lines",
	summary: "Log lines that begin with their level",
	readsOnly: true,
	example: [{ from: "client", text: "info started\nerror it broke\n" }],
	detect(client, server) {
		if (server.length > 0) return "no";
		if (LEVEL.test(start(client))) return "yes";
		return client.length < LEVEL_BYTES ? "more" : "no";
	},
	create() {
		let line: MessageWriter | null = null;
		return {
			data(_dir, bytes, out) {
				const end = bytes.indexOf(LF);
				if (line === null) {
					if (end < 0 && bytes.length < LEVEL_BYTES) return 0;
					const [level = ""] = LEVEL.exec(start(bytes)) ?? [];
					if (level === "") {
						out.opaque("no-level");
						return 0;
					}
					line = out.begin(0, undefined, "message");
					line.head(new MessageHead(level.trim(), { "log.level": level.trim() }, []));
					return level.length;
				}
				const to = end < 0 ? bytes.length : end;
				if (to > 0) line.body(bytes, 0, to);
				if (end < 0) return to;
				line.finish(end + 1, "ok");
				line = null;
				return end + 1;
			},
			// the hole may hold a line's end
			gap: () => false,
			resync(_dir, bytes) {
				line = null;
				const end = bytes.indexOf(LF);
				return end < 0 ? { need: 0 } : { skip: end + 1 };
			},
			end() {
				line = null;
			},
		};
	},
};

function start(bytes: Uint8Array): string {
	return Buffer.from(bytes.subarray(0, LEVEL_BYTES)).toString("latin1");
}

export default logLines;
