import type { AttributeValue, StructuredValue } from "../../core/index.js";
import { CommandHead, commandName } from "./commands.js";
import { mayUpload, operationOf, summaryOf, usedSchema, withoutPasswords } from "./sql.js";

/** Statements are told in an attribute up to here; longer ones are the body of the request. */
export const MAX_TEXT_BYTES = 65_536;
const MAX_REMEMBERED = 4096;
const MAX_REMEMBERED_CHARACTERS = 1024;

export interface HeadContext {
	readonly system: string | null;
	readonly namespace: string | null;
}

/** Heads of commands with a statement: the same object for the same words. */
export class QueryHeads {
	#byContext = new Map<string, Map<string, CommandHead>>();
	#count = 0;

	get(code: number, text: string, context: HeadContext): CommandHead {
		if (text.length > MAX_REMEMBERED_CHARACTERS) return textHead(code, text, context);
		const heads = this.#of(code, context);
		let head = heads.get(text);
		if (head === undefined) {
			head = textHead(code, text, context);
			if (++this.#count > MAX_REMEMBERED) {
				this.#byContext.clear();
				this.#count = 0;
			} else heads.set(text, head);
		}
		return head;
	}

	#of(code: number, context: HeadContext): Map<string, CommandHead> {
		const { system, namespace } = context;
		const key = code === 3 ? `${system} ${namespace}` : `${code} ${system} ${namespace}`;
		let heads = this.#byContext.get(key);
		if (heads === undefined) {
			heads = new Map();
			this.#byContext.set(key, heads);
		}
		return heads;
	}
}

type Named = Record<string, AttributeValue>;

/** What all requests have. */
export function commonAttributes(code: number, { system, namespace }: HeadContext): Named {
	const attributes: Named = {};
	if (system !== null) attributes["db.system.name"] = system;
	if (namespace !== null) attributes["db.namespace"] = namespace;
	if (code >= 0) attributes["mysql.command"] = commandName(code) ?? `0x${code.toString(16)}`;
	return attributes;
}

export interface TextOptions {
	/** Query attributes, by name. */
	readonly parameters?: readonly (readonly [name: string, value: StructuredValue])[];
	/** Only the beginning is known. */
	readonly isCut?: boolean;
}

const PREFIXES = new Map([
	[0x16, "PREPARE "],
	[0x17, "EXECUTE "],
	[0xfa, "BULK EXECUTE "],
	[0x1c, "FETCH "],
	[0x1a, "RESET "],
	[0x19, "CLOSE "],
	[0x18, "LONG DATA "],
]);

export function textHead(code: number, said: string, context: HeadContext, options: TextOptions = {}): CommandHead {
	const text = withoutPasswords(said);
	const attributes = commonAttributes(code, context);
	attributes["db.query.text"] = text;
	const operation = operationOf(text);
	if (operation !== null) attributes["db.operation.name"] = operation;
	if (options.isCut === true) attributes["mysql.query_text_cut"] = true;
	for (const [name, value] of options.parameters ?? [])
		attributes[`db.query.parameter.${name}`] = typeof value === "object" ? JSON.stringify(value) : value;
	const summary = `${PREFIXES.get(code) ?? ""}${summaryOf(text)}`;
	const isQuery = code === 3;
	return new CommandHead(
		code,
		summary,
		attributes,
		null,
		isQuery ? usedSchema(text) : null,
		isQuery && mayUpload(text),
		text,
	);
}
