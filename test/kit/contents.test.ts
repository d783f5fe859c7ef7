/** The half of a parser that reads payloads of others is held to its contract as well: each breach has its sentence. */
import test from "ava";
import { type Clause, ContractBreach, checkParser, type ParserKitOptions } from "polytap/testkit";
import {
	type ContentOutput,
	type ContentParser,
	MessageHead,
	type ParserPlugin,
	payloadsOnly,
} from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";

type Fault =
	| "none"
	| "throws"
	| "looks at a clock"
	| "writes"
	| "speaks to another message"
	| "points outside"
	| "gives no summary";

/** Payloads of words: each is a part. */
function words(fault: Fault): ParserPlugin {
	let kept: ContentOutput | null = null;
	const parser = (): ContentParser => ({
		start(out) {
			out.rename("words");
			if (fault === "gives no summary") out.head(new MessageHead(7 as never, {}, []));
			kept ??= out;
		},
		body(bytes, from, to, out) {
			if (fault === "throws") throw new Error("as told");
			if (fault === "looks at a clock") Date.now();
			if (fault === "writes") bytes[from] = 0x78;
			if (fault === "speaks to another message") kept?.flag("early");
			out.body(bytes, from, to, fault === "points outside" ? bytes.length + 1 : from);
		},
		gap: (length, out) => out.bodyGap(length),
		end() {},
	});
	return {
		api: 1,
		kind: "parser",
		protocol: "words",
		summary: "For tests.",
		readsOnly: true,
		...payloadsOnly,
		content: { mediaTypes: ["text/words"], create: parser },
	};
}

const message = (start: string, text: string) =>
	`${start}\r\nHost: a\r\nContent-Type: text/words\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
const conversations: ParserKitOptions["conversations"] = [
	{
		name: "words each way",
		steps: [
			{ from: "client", text: message("POST / HTTP/1.1", "one two") },
			{ from: "server", text: message("HTTP/1.1 200 OK", "three four five") },
		],
	},
];
const options = { conversations, with: [http1], fuzzInputs: 20, places: 20 };

/** All but the process of its own, which needs a module. */
async function breachOf(fault: Fault): Promise<Clause | null> {
	const plugin = words(fault);
	const { readsOnly: _, ...rest } = plugin;
	try {
		await checkParser(fault === "writes" ? plugin : rest, options);
		return null;
	} catch (error) {
		if (error instanceof ContractBreach) return error.clause;
		throw error;
	}
}

test("a parser of payloads that keeps its contract passes", async (t) => t.is(await breachOf("none"), null));

for (const [fault, clause] of [
	["throws", "sansIo"],
	["looks at a clock", "sansIo"],
	["writes", "readsOnly"],
	["speaks to another message", "contentSpeaks"],
	["points outside", "contentIndexes"],
	["gives no summary", "head"],
] as const)
	test(`a parser of payloads that ${fault} is told so`, async (t) => t.is(await breachOf(fault), clause));
