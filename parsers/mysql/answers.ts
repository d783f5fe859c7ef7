/** What the packets of a response say, one after the other, by the command that they answer. */
import { CURSOR_EXISTS, MORE_RESULTS } from "./capabilities.js";
import type { ColumnSet } from "./columns.js";
import * as command from "./commands.js";
import { Cursor } from "./cursor.js";
import { EOF_BYTES, type OkPacket, readEnd, readOk } from "./outcomes.js";
import type { Response } from "./response.js";
import { readResultStart } from "./result-count.js";
import type { Session } from "./session.js";
import { Statement } from "./statements.js";

type State = "start" | "columns" | "after-columns" | "rows" | "definitions" | "fields" | "authentication" | "upload";

const PREPARED_BYTES = 12;
const NO_END: OkPacket = { affectedRows: 0, lastInsertId: 0, status: 0, warnings: 0, info: "", changes: null };

export class Answers {
	#state: State = "start";
	#response: Response | null = null;
	#code = -1;
	/** Column definitions still to come, and the columns so far. */
	#left = 0;
	#columns: ColumnSet | null = null;
	/** Of a prepared statement: how many of `left` are parameters. */
	#parameters = 0;
	#hasSeenEof = false;
	#statement: Statement | null = null;
	#steps: string[] = [];
	readonly #session: Session;

	constructor(session: Session) {
		this.#session = session;
	}

	/** The next packet may be a row. */
	get isInRows(): boolean {
		return this.#state === "rows" || (this.#state === "after-columns" && this.#left === 0);
	}

	begin(response: Response): void {
		const code = response.command?.code ?? -1;
		this.#response = response;
		this.#code = code;
		this.#steps = [];
		this.#state = "start";
		if (code === command.LOGIN || code === command.CHANGE_USER) this.#state = "authentication";
		else if (code === command.FIELD_LIST) this.#beginFields();
		else if (code === command.FETCH) this.#beginRows(response.command?.statement?.columns ?? null);
	}

	/** The command failed. */
	failed(): void {
		if (this.#code === command.PREPARE) this.#session.statements.preparing--;
	}

	/**
	 * True: the response is over. Null: these bytes cannot be what they should. `index` is where the packet begins, `place`
	 * where it ends, both in the shown bytes.
	 */
	packet(bytes: Buffer, from: number, to: number, index: number, place: number): boolean | null {
		switch (this.#state) {
			case "authentication":
				return this.#authentication(bytes, from, to);
			case "columns":
				return this.#column(bytes, from, to);
			case "after-columns":
			case "rows":
				return this.#end(bytes, from, to);
			case "definitions":
				return this.#definition(bytes, from, to);
			case "fields":
				return this.#field(bytes, from, to);
			default:
				return this.#start(bytes, from, to, index, place);
		}
	}

	#start(bytes: Buffer, from: number, to: number, index: number, place: number): boolean | null {
		const response = this.#response!;
		const length = to - from;
		const first = bytes[from]!;
		if (this.#code === command.STATISTICS) {
			response.writer.body(bytes, from, to, Math.max(0, place - length));
			response.tell({}, "OK");
			return true;
		}
		response.next(index);
		if (this.#code === command.PREPARE && first === 0) return this.#prepared(bytes, from, to);
		if (first === 0 && this.#code === -1 && length === PREPARED_BYTES && bytes[from + 9] === 0) {
			// an OK, or the beginning of what answers a PREPARE: nobody knows
			response.writer.flag("command-unknown");
			response.writer.body(bytes, from, to, Math.max(0, place - length));
			return true;
		}
		if ((first === 0 && length > 2) || first === 0xfe) return this.#ok(bytes, from, to);
		if (first === 0xfb && length > 1) {
			response.tell({ "mysql.local_infile": bytes.toString("utf8", from + 1, to) }, "");
			this.#state = "upload";
			return false;
		}
		return this.#result(bytes, from, to);
	}

	#ok(bytes: Buffer, from: number, to: number): boolean | null {
		const { capabilities } = this.#session;
		const ok = bytes[from] === 0xfe ? readEnd(bytes, from, to, capabilities) : readOk(bytes, from, to, capabilities);
		if (ok === null) return null;
		this.#response!.ok(ok);
		this.#succeeded(ok);
		return this.#isLast(ok);
	}

	#succeeded(ok: OkPacket): void {
		const session = this.#session;
		const { schema = null } = this.#response!.command ?? {};
		if (ok.changes !== null && ok.changes.schema !== null) session.namespace = ok.changes.schema;
		else if (schema !== null) session.namespace = schema;
		if (this.#code === command.RESET_CONNECTION) session.reset();
	}

	#isLast(ok: OkPacket): boolean {
		if ((ok.status & MORE_RESULTS) === 0) return true;
		this.#state = "start";
		return false;
	}

	#result(bytes: Buffer, from: number, to: number): boolean | null {
		const start = readResultStart(bytes, from, to);
		if (start === null) return null;
		this.#columns = this.#session.columns.start();
		this.#left = start.columns;
		if (start.hasDefinitions) {
			this.#state = "columns";
			return false;
		}
		const known = this.#response!.command?.statement?.columns ?? null;
		this.#columns = known?.columns.length === start.columns ? known : null;
		this.#left = 0;
		this.#afterColumns();
		return false;
	}

	#column(bytes: Buffer, from: number, to: number): boolean | null {
		this.#columns = this.#columns!.with(bytes, from, to, this.#session.columns);
		if (this.#columns === null) return null;
		if (--this.#left === 0) this.#afterColumns();
		return false;
	}

	#afterColumns(): void {
		const statement = this.#response!.command?.statement ?? null;
		if (statement !== null && this.#columns !== null) statement.columns = this.#columns;
		this.#beginRows(this.#columns);
		this.#state = "after-columns";
	}

	#beginRows(columns: ColumnSet | null): void {
		const isBinary =
			this.#code === command.EXECUTE || this.#code === command.FETCH || this.#code === command.BULK_EXECUTE;
		this.#response!.beginRows(columns, isBinary);
		this.#state = "rows";
	}

	/** An EOF or OK: behind the columns, or behind the rows. */
	#end(bytes: Buffer, from: number, to: number): boolean | null {
		const end = readEnd(bytes, from, to, this.#session.capabilities);
		if (end === null) return null;
		if (this.#state === "after-columns" && this.#response!.rows === 0) {
			this.#session.seenEofs = to - from === EOF_BYTES;
			// with a cursor rows come when they are fetched
			const isOpen = (end.status & CURSOR_EXISTS) !== 0 && this.#code === command.EXECUTE;
			if (to - from === EOF_BYTES && !isOpen) {
				this.#state = "rows";
				return false;
			}
		}
		this.#response!.endRows(end);
		this.#succeeded(end);
		return this.#isLast(end);
	}

	#prepared(bytes: Buffer, from: number, to: number): boolean | null {
		const { statements, hasEofs } = this.#session;
		statements.preparing--;
		if (to - from < PREPARED_BYTES) return null;
		const cursor = new Cursor(bytes, from + 1, to);
		const id = cursor.u32();
		const columns = cursor.u16();
		const parameters = cursor.u16();
		cursor.u8();
		const warnings = cursor.u16();
		const hasDefinitions = cursor.left !== 1 || cursor.u8() === 1;
		const { text = null } = this.#response!.command ?? {};
		this.#statement = new Statement(id, text, parameters);
		statements.add(this.#statement);
		const attributes: Record<string, number> = { "mysql.statement_id": id, "mysql.parameter_count": parameters };
		attributes["mysql.column_count"] = columns;
		if (warnings > 0) attributes["mysql.warnings"] = warnings;
		this.#response!.tell(attributes, "OK");
		if (!hasDefinitions || columns + parameters === 0) return true;
		this.#left = parameters + columns;
		this.#parameters = parameters;
		this.#columns = this.#session.columns.start();
		this.#hasSeenEof = hasEofs === true;
		this.#state = "definitions";
		return false;
	}

	#definition(bytes: Buffer, from: number, to: number): boolean | null {
		if (to - from === EOF_BYTES && bytes[from] === 0xfe) {
			this.#hasSeenEof = true;
			this.#session.seenEofs = true;
			return this.#left === 0;
		}
		if (this.#left === 0) return null;
		this.#left--;
		if (this.#parameters > 0) this.#parameters--;
		else {
			this.#columns = this.#columns!.with(bytes, from, to, this.#session.columns);
			if (this.#columns === null) return null;
		}
		if (this.#left > 0) return false;
		if (this.#columns!.columns.length > 0) this.#statement!.columns = this.#columns;
		// where nobody knows whether an EOF follows, it is over: one that comes is recognised
		return !this.#hasSeenEof;
	}

	#beginFields(): void {
		this.#columns = this.#session.columns.start();
		this.#state = "fields";
	}

	#field(bytes: Buffer, from: number, to: number): boolean | null {
		const response = this.#response!;
		if (bytes[from] === 0xfe) {
			const end = readEnd(bytes, from, to, this.#session.capabilities) ?? NO_END;
			response.ok(end);
			return true;
		}
		this.#columns = this.#columns!.with(bytes, from, to, this.#session.columns);
		const column = this.#columns?.columns.at(-1);
		if (column === undefined) return null;
		const { name, schema, table, typeName } = column;
		response.writer.item({ name, schema, table, type: typeName }, to - from + 4);
		return false;
	}

	/** What proves an identity is counted and never told. */
	#authentication(bytes: Buffer, from: number, to: number): boolean | null {
		const { writer } = this.#response!;
		const session = this.#session;
		const first = bytes[from];
		const length = to - from;
		if (first === 0 && length > 1) {
			session.isLoggedIn = true;
			if (this.#code === command.CHANGE_USER) session.reset();
			session.namespace = this.#response!.command?.schema ?? null;
			return this.#ok(bytes, from, to) === null ? null : true;
		}
		if (first === 0xfe) {
			const name = length === 1 ? "mysql_old_password" : new Cursor(bytes, from + 1, to).nulText();
			this.#step(`switch to ${name}`);
		} else if (first === 1 && length === 2 && bytes[from + 1] === 3) this.#step("fast");
		else if (first === 1 && length === 2 && bytes[from + 1] === 4) this.#step("full");
		else if (first === 1 && bytes.toString("latin1", from + 1, Math.min(to, from + 11)) === "-----BEGIN")
			this.#step("public key");
		else this.#step("data");
		writer.secret(length);
		return false;
	}

	#step(name: string): void {
		if (this.#steps.length >= 32) return;
		this.#steps = [...this.#steps, name];
		this.#response!.tell({ "mysql.auth_steps": this.#steps }, "");
	}
}
