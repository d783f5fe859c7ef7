import type { Exchange } from "../../core/index.js";

/** One message as tshark dissected it: the tree of its layer, values as tshark prints them. */
export interface DissectedMessage {
	/** 0: from the client. */
	readonly dir: 0 | 1;
	readonly tree: unknown;
}

/**
 * How the exchanges of one protocol are told in one line each, by polytap's records and by tshark's messages, so that equal
 * lines mean that both saw the same: the question, what was answered, how many rows, which status.
 */
export interface Dialect {
	/** As polytap's records name it. */
	readonly protocol: string;
	/** Name of tshark's layer, for `-Y`, `-J` and `-d`. */
	readonly layer: string;
	/** More layers whose fields are wanted. */
	readonly layers?: readonly string[];
	/** Null: not compared (the record of a connection, a message that tshark has no word for). */
	ofRecord(record: Exchange): string | null;
	/** All messages of one connection, in the order of the capture. */
	ofMessages(messages: readonly DissectedMessage[]): readonly string[];
}

/** All values of a field, wherever in the tree they are, in order. */
export function valuesOf(tree: unknown, field: string): string[] {
	if (typeof tree !== "object" || tree === null) return [];
	if (Array.isArray(tree)) return tree.flatMap((each) => valuesOf(each, field));
	return Object.entries(tree).flatMap(([name, value]: [string, unknown]) => {
		if (name !== field) return valuesOf(value, field);
		const all: unknown[] = Array.isArray(value) ? value : [value];
		return all
			.filter((each) => typeof each === "string")
			.concat(all.flatMap((each) => valuesOf(each, field))) as string[];
	});
}

/** The first value of a field, or null. */
export function firstOf(tree: unknown, field: string): string | null {
	return valuesOf(tree, field)[0] ?? null;
}

/** A long text as its beginning and its length. */
export function short(text: string): string {
	const plain = text.replace(/\s+/g, " ").trim();
	return plain.length <= 80 ? plain : `${plain.slice(0, 80)}… (${text.length})`;
}
