/** Commands as requests: what each of them says. */
import { isUtf8 } from "node:buffer";
import type { AttributeValue, MessageWriter } from "../../core/index.js";
import { charsetOf, decodeText } from "./charsets.js";
import * as command from "./commands.js";
import { CommandHead, commandName } from "./commands.js";
import { Cursor } from "./cursor.js";
import { bulkParameters, executeParameters, queryStart } from "./parameters.js";
import { commonAttributes, type QueryHeads, textHead } from "./query-heads.js";
import type { Session } from "./session.js";
import type { Statement } from "./statements.js";

/** COM_REGISTER_SLAVE holds a password. */
const REGISTER_SLAVE = 0x15;
const EXECUTE_HEADER_BYTES = 10;

export class Requests {
	readonly #session: Session;
	readonly #heads: QueryHeads;
	readonly #plain = new Map<number, CommandHead>();
	#plainNamespace: string | null = null;
	#place = 0;

	constructor(session: Session, heads: QueryHeads) {
		this.#session = session;
		this.#heads = heads;
	}

	/** A command of which nothing is told but its name. */
	plain(code: number): CommandHead {
		const { namespace } = this.#session;
		if (namespace !== this.#plainNamespace) this.#plain.clear();
		this.#plainNamespace = namespace;
		let head = this.#plain.get(code);
		if (head === undefined) {
			head = this.#head(code);
			this.#plain.set(code, head);
		}
		return head;
	}

	#head(code: number, operand = "", more: Readonly<Record<string, AttributeValue>> = {}): CommandHead {
		const attributes = commonAttributes(code, this.#session);
		const name = commandName(code) ?? "UNKNOWN";
		const schema = code === command.INIT_DB ? operand : null;
		const summary = operand === "" ? name : `${name} ${operand}`;
		return new CommandHead(code, summary, Object.assign(attributes, more), null, schema);
	}

	/** Says what a whole command says; `from` is its code. `place`: where in the shown bytes its payload ends. Does not finish it. */
	write(writer: MessageWriter, code: number, bytes: Buffer, from: number, to: number, place: number): CommandHead {
		this.#place = place;
		const head = this.#write(writer, code, bytes, from, to);
		writer.head(head);
		return head;
	}

	#write(writer: MessageWriter, code: number, bytes: Buffer, from: number, to: number): CommandHead {
		const at = from + 1;
		switch (code) {
			case command.QUERY:
				return this.#query(bytes, at, to);
			case command.PREPARE:
				return this.#heads.get(code, this.#text(bytes, at, to), this.#session);
			case command.EXECUTE:
				return this.#execute(writer, bytes, at, to);
			case command.BULK_EXECUTE:
				return this.#bulk(writer, bytes, at, to);
			case command.CLOSE:
			case command.RESET:
			case command.FETCH:
				return this.#ofStatement(code, bytes, at, to);
			case command.INIT_DB:
			case 0x05:
			case 0x06:
				return this.#head(code, this.#text(bytes, at, to));
			case command.FIELD_LIST:
				return this.#head(code, this.#text(bytes, at, to).replace(/\0.*$/s, ""));
			case command.PROCESS_KILL:
				return this.#head(code, to - at === 4 ? String(bytes.readUInt32LE(at)) : "");
			case command.SET_OPTION: {
				const isOn = to - at === 2 && bytes.readUInt16LE(at) === 0;
				return this.#head(code, isOn ? "multi-statements-on" : "multi-statements-off");
			}
			case REGISTER_SLAVE:
				writer.secret(to - at);
				return this.plain(code);
		}
		if (to > at) this.#body(writer, bytes, at, to);
		return this.plain(code);
	}

	#body(writer: MessageWriter, bytes: Buffer, from: number, to: number): void {
		writer.body(bytes, from, to, Math.max(0, this.#place - (to - from)));
	}

	#query(bytes: Buffer, from: number, to: number): CommandHead {
		const session = this.#session;
		// what nobody saw agreed on shows itself: no statement begins with these two bytes
		const hasStart =
			session.sendsQueryAttributes || (session.capabilities === null && bytes[from]! < 9 && bytes[from + 1] === 1);
		if (!hasStart) return this.#heads.get(command.QUERY, this.#text(bytes, from, to), session);
		const start = queryStart(bytes, from, to);
		const text = this.#text(bytes, start?.at ?? from, to);
		if (start === null || start.attributes.length === 0) return this.#heads.get(command.QUERY, text, session);
		return textHead(command.QUERY, text, session, { parameters: start.attributes });
	}

	/** UTF-8 where it is that; otherwise in the character set of the login, and at last one byte for each character. */
	#text(bytes: Buffer, from: number, to: number): string {
		const view = bytes.subarray(from, to);
		if (isUtf8(view)) return view.toString("utf8");
		const charset = charsetOf(this.#session.login?.collation ?? 0);
		const isOther = charset !== null && charset !== "utf8" && charset !== "binary";
		return (isOther ? decodeText(charset, view) : null) ?? view.toString("latin1");
	}

	#statement(id: number): Statement {
		return this.#session.statements.getOrUnknown(id);
	}

	#ofStatement(code: number, bytes: Buffer, from: number, to: number): CommandHead {
		if (to - from < 4) return this.plain(code);
		const statement = this.#statement(bytes.readUInt32LE(from));
		const head = this.#statementHead(code, statement);
		if (code === command.CLOSE) this.#session.statements.delete(statement.id);
		else if (code === command.RESET) statement.longData = null;
		return head;
	}

	#statementHead(code: number, statement: Statement, more: Readonly<Record<string, AttributeValue>> = {}): CommandHead {
		const { text, id } = statement;
		const own = { "mysql.statement_id": id, ...more };
		if (text === null) {
			const attributes = { ...commonAttributes(code, this.#session), ...own, "mysql.statement_unknown": true };
			return new CommandHead(code, `${commandName(code)} ${id}`, attributes, statement);
		}
		const { summary, attributes } = textHead(code, text, this.#session);
		return new CommandHead(code, summary, { ...attributes, ...own }, statement);
	}

	#execute(writer: MessageWriter, bytes: Buffer, from: number, to: number): CommandHead {
		if (to - from < EXECUTE_HEADER_BYTES - 1) return this.plain(command.EXECUTE);
		const statement = this.#statement(bytes.readUInt32LE(from));
		const flags = bytes[from + 4]!;
		const at = from + EXECUTE_HEADER_BYTES - 1;
		const mayHaveAttributes = this.#session.sendsQueryAttributes;
		const parameters = executeParameters(statement, flags, bytes, at, to, mayHaveAttributes);
		statement.longData = null;
		if (parameters === null) {
			if (to > at) this.#body(writer, bytes, at, to);
			writer.flag("parameters-unreadable");
		} else if (parameters.values.length > 0) writer.item(parameters.values, to - at);
		if (parameters !== null && parameters.attributes.length > 0) {
			const more = parameters.attributes.map(([name, value]): [string, AttributeValue] => [
				`db.query.parameter.${name}`,
				typeof value === "object" ? JSON.stringify(value) : value,
			]);
			return this.#statementHead(command.EXECUTE, statement, Object.fromEntries(more));
		}
		const { namespace } = this.#session;
		if (statement.executeHead === null || statement.executeNamespace !== namespace) {
			statement.executeHead = this.#statementHead(command.EXECUTE, statement);
			statement.executeNamespace = namespace;
		}
		return statement.executeHead;
	}

	#bulk(writer: MessageWriter, bytes: Buffer, from: number, to: number): CommandHead {
		if (to - from < 6) return this.plain(command.BULK_EXECUTE);
		const statement = this.#statement(bytes.readUInt32LE(from));
		const flags = bytes.readUInt16LE(from + 4);
		const rows: [values: Parameters<MessageWriter["item"]>[0], length: number][] = [];
		const isRead = bulkParameters(statement, flags, bytes, from + 6, to, (values, length) =>
			rows.push([values, length]),
		);
		if (isRead) for (const [values, length] of rows) writer.item(values, length);
		else {
			this.#body(writer, bytes, from + 6, to);
			writer.flag("parameters-unreadable");
		}
		return this.#statementHead(command.BULK_EXECUTE, statement, { "db.operation.batch.size": rows.length });
	}

	/** `start`: command, statement and parameter of a value sent ahead; `length`: of them and it together. */
	longData(writer: MessageWriter, start: readonly number[], length: number): void {
		if (start.length < 7) {
			writer.head(this.plain(command.SEND_LONG_DATA));
			return;
		}
		const cursor = new Cursor(Buffer.from(start), 1, 7);
		const statement = this.#statement(cursor.u32());
		const parameter = cursor.u16();
		statement.longData ??= new Map();
		statement.longData.set(parameter, (statement.longData.get(parameter) ?? 0) + length - 7);
		writer.head(this.#statementHead(command.SEND_LONG_DATA, statement, { "mysql.parameter": parameter }));
	}
}
