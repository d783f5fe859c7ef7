/** A request is a line, a response is a line. `loop` is where it never comes back, `throw` where it throws. */
import { MessageHead, type ParserPlugin } from "../../../../core/index.js";

const lines: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "lines",
	summary: "For tests.",
	readsOnly: true,
	detect: (client) => (client.length > 0 ? "yes" : "more"),
	create: () => ({
		data(_dir, bytes, out) {
			const end = bytes.indexOf(0x0a);
			if (end === -1) return 0;
			const text = Buffer.from(bytes.slice(0, end)).toString("latin1");
			while (text === "loop") {}
			if (text === "exit") process.exit(7);
			if (text === "throw") throw new Error("as told");
			const message = out.begin(0);
			message.head(new MessageHead(text, {}, []));
			message.finish(end + 1, "ok");
			return end + 1;
		},
		gap: () => false,
		resync: (_dir, bytes) => ({ skip: bytes.length }),
		end: () => {},
	}),
};

export default lines;
