import { MessageHead, type MessageWriter, type PartWriter } from "../../core/index.js";
import { MORE_RESULTS } from "./capabilities.js";
import type { ColumnSet } from "./columns.js";
import type { CommandHead } from "./commands.js";
import {
	type ErrPacket,
	errAttributes,
	type OkPacket,
	type OutcomeAttributes,
	okAttributes,
	type Progress,
} from "./outcomes.js";
import { type ResponseHeads, rowCount, rowsAttributes } from "./response-heads.js";
import { RAW_ROWS, rowDecoder } from "./row-decoders.js";

const MAX_PROGRESS_REPORTS = 64;

/**
 * One response under construction: one result after the other. The first one is the message itself, further ones are parts
 * of it.
 */
export class Response {
	readonly writer: MessageWriter;
	/** Null: the command is not known. */
	readonly command: CommandHead | null;
	columns: ColumnSet | null = null;
	rows = 0;
	#part: PartWriter | null = null;
	/** Results that are over. */
	#results = 0;
	#isInResult = false;
	#totalRows = 0;
	#hasRows = false;
	/** What the first result told; null: a head of its own says it. */
	#attributes: OutcomeAttributes = {};
	/** Attributes beside those of results were told. */
	#hasTold = false;
	#summary = "";
	#progress = 0;
	readonly #heads: ResponseHeads;

	constructor(writer: MessageWriter, command: CommandHead | null, heads: ResponseHeads) {
		this.writer = writer;
		this.command = command;
		this.#heads = heads;
	}

	/** Where rows go. */
	get target(): MessageWriter | PartWriter {
		return this.#part ?? this.writer;
	}

	/** Another result begins at `index`, after the first. */
	next(index: number): void {
		if (this.#results > 0) {
			this.#part = this.writer.message(index, {});
			this.#part.expectMore(true);
		}
		this.#isInResult = true;
		this.rows = 0;
	}

	/** Rows of these columns follow. */
	beginRows(columns: ColumnSet | null, isBinary: boolean): void {
		this.columns = columns;
		this.#hasRows = true;
		const isKnown = columns !== null && this.command !== null;
		this.target.items(isKnown ? rowDecoder(columns, isBinary) : RAW_ROWS);
		if (!isKnown) this.writer.flag(columns === null ? "columns-unknown" : "command-unknown");
	}

	/** A result with rows is over. */
	endRows(ok: OkPacket): void {
		this.#totalRows += this.rows;
		this.#isInResult = false;
		this.#part?.expectMore(false);
		const isFirst = this.#results++ === 0;
		const isLast = (ok.status & MORE_RESULTS) === 0;
		if (isFirst && isLast && !this.#hasTold && this.columns !== null) {
			this.writer.head(this.#heads.rows(this.columns, this.rows, ok));
			return;
		}
		this.#say(isFirst, rowsAttributes(this.columns, this.rows, ok), rowCount(this.rows));
	}

	/** A result without rows. */
	ok(ok: OkPacket): void {
		this.#isInResult = false;
		this.#part?.expectMore(false);
		const isFirst = this.#results++ === 0;
		if (isFirst && !this.#hasTold && (ok.status & MORE_RESULTS) === 0) this.writer.head(this.#heads.ok(ok));
		else this.#say(isFirst, okAttributes(ok, false), "OK");
	}

	#say(isFirst: boolean, attributes: OutcomeAttributes, summary: string): void {
		if (isFirst) {
			Object.assign(this.#attributes, attributes);
			this.#summary = summary;
		} else this.#part?.attributes(attributes);
		if (this.#results > 1) this.#summary = `${this.#results} results`;
		this.#head(this.#summary, {});
	}

	#head(summary: string, more: OutcomeAttributes): void {
		const attributes = { ...this.#attributes, ...more };
		if (this.#hasRows) attributes["db.response.returned_rows"] = this.#totalRows;
		if (this.#results > 1) attributes["mysql.results"] = this.#results;
		this.writer.head(new MessageHead(summary, attributes, []));
	}

	/** Attributes beside those of results. */
	tell(attributes: OutcomeAttributes, summary: string): void {
		Object.assign(this.#attributes, attributes);
		this.#hasTold = true;
		this.#summary = summary;
		this.#head(summary, {});
	}

	/** The packet that tells it begins at `index`. */
	error(error: ErrPacket, index: number): void {
		if (!this.#isInResult) this.next(index);
		else if (this.#hasRows) this.#totalRows += this.rows;
		const attributes = errAttributes(error);
		this.#part?.attributes(attributes);
		this.#head(`ERROR ${error.code}`, attributes);
	}

	progress({ stage, maxStage, progress, info }: Progress, index: number): void {
		if (++this.#progress > MAX_PROGRESS_REPORTS) return;
		const attributes = {
			"mysql.progress.stage": stage,
			"mysql.progress.max_stage": maxStage,
			"mysql.progress.percent": progress,
			"mysql.progress.info": info,
		};
		this.writer.interim(new MessageHead("PROGRESS", attributes, []), index);
	}
}
