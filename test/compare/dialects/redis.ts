import { type Dialect, type DissectedMessage, short } from "../dialect.js";

type Tree = Readonly<Record<string, unknown>>;

/** Commands with their words, each with its reply: strings and numbers as they are, errors by their first word. */
export const redis: Dialect = {
	protocol: "redis",
	layer: "resp",
	ofRecord({ kind, request, response, outcome }) {
		if (kind !== "exchange" || request === null) return null;
		const words = Array.isArray(request.body.data) ? request.body.data : [];
		if (response === null || outcome === "partial") return line(words.map(shown), "");
		const { data, encoding } = response.body;
		if (outcome === "error") return line(words.map(shown), errorOf(String(data)));
		const type = response.attributes["redis.reply.type"];
		const isScalar = type === "integer" || type === "null";
		const reply = encoding === "json" && isScalar && Array.isArray(data) ? data[0] : data;
		return line(words.map(shown), shown(reply));
	},
	ofMessages(messages) {
		const values = (dir: 0 | 1): Value[] => messages.filter((message) => message.dir === dir).flatMap(valuesIn);
		const replies = values(1);
		return values(0).map(({ words }, i) => line(words, replies[i]?.text ?? ""));
	},
};

const line = (words: readonly string[], reply: string): string => `${short(words.join(" "))} → ${short(reply)}`;

const errorOf = (text: string): string => `error ${text.split(" ")[0]}`;

function shown(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(shown).join(" ")}]`;
	if (value === null) return "null";
	return typeof value === "object" ? JSON.stringify(value) : String(value);
}

interface Value {
	readonly text: string;
	/** Of a list: its values. */
	readonly words: readonly string[];
}

/**
 * The values of a layer. tshark's JSON groups them by their types: where replies of several types share a packet, or values
 * of several types a list, their order is lost, and they are told as a difference.
 */
function valuesIn({ tree }: DissectedMessage): Value[] {
	return Object.entries(asTree(tree)).flatMap(([name, found]) => {
		const all: unknown[] = Array.isArray(found) ? found : [found];
		return all.flatMap((each): Value[] => {
			switch (name) {
				case "resp.array": {
					const words = valuesIn({ dir: 0, tree: each }).map(({ text }) => text);
					return [{ text: `[${words.join(" ")}]`, words }];
				}
				case "resp.bulk_string":
					return [plain(bulk(asTree(each)))];
				case "resp.error":
					return [plain(errorOf(String(each)))];
				case "resp.string":
				case "resp.integer":
					return [plain(String(each))];
				default:
					return [];
			}
		});
	});
}

const plain = (text: string): Value => ({ text, words: [text] });

function bulk(tree: Tree): string {
	if (tree["resp.bulk_string.length"] === "-1") return "null";
	return Buffer.from(String(tree["resp.bulk_string.value"] ?? "").replaceAll(":", ""), "hex").toString("utf8");
}

const asTree = (value: unknown): Tree => (typeof value === "object" && value !== null ? { ...value } : {});
