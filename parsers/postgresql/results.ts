import type { Call } from "./call.js";
import { type Columns, RowDecoder } from "./columns.js";
import { resultAttributes } from "./heads.js";
import type { Session } from "./session.js";
import type { MessageStream } from "./stream.js";
import { Back, int32, MAX_MESSAGE_BYTES } from "./wire.js";

/** Rows and other data of the response under way, on their way to where they are kept. */
export class Results {
	readonly #session: Session;
	readonly #stream: MessageStream;

	constructor(session: Session, stream: MessageStream) {
		this.#session = session;
		this.#stream = stream;
	}

	/** Any number of whole rows, and the beginning of the last: bytes are looked at only where a row begins. */
	rows(call: Call, bytes: Uint8Array, from: number): number {
		const { length } = bytes;
		let at = from;
		let rows = 0;
		while (length - at >= 5 && bytes[at] === Back.dataRow) {
			const size = 1 + int32(bytes, at + 1);
			if (size < 7 || size > MAX_MESSAGE_BYTES) break;
			rows++;
			if (at + size > length) {
				this.#stream.start("raw", at + size - length, call.target);
				at = length;
				break;
			}
			at += size;
		}
		if (at === from) return from;
		call.rows += rows;
		call.target?.body(bytes, from, at);
		return at;
	}

	/** One row, the first of its result; below zero: it is none. */
	row(call: Call, bytes: Uint8Array, at: number, end: number): number {
		this.start(call, at);
		if (call.columns === null)
			call.target?.items(new RowDecoder(null, this.#session.encoding, call.portal?.resultFormats ?? []));
		if (end - at < 7) return -1;
		const to = Math.min(end, bytes.length);
		call.rows++;
		call.target?.body(bytes, at, to);
		this.#stream.start("raw", end - to, call.target);
		return to;
	}

	/** The answer to a simple query describes its columns. */
	described(call: Call, columns: Columns, at: number): void {
		call.columns = columns;
		this.start(call, at);
		call.target?.items(columns.decoder(this.#session.encoding));
	}

	/** Opens the place where the rows of the next result go. */
	start(call: Call, at: number): void {
		const { response } = call;
		if (call.target !== null || response === null) return;
		call.closeRequestUnlessCopyIn();
		if (call.results > 0 || (call.kind === "query" && (call.sql === null || call.sql.isMulti))) {
			call.part = response.message(at, {});
			call.part.expectMore(true);
			call.target = call.part;
		} else call.target = response;
		if (call.kind !== "execute") return;
		call.columns ??= columnsOf(call);
		if (call.columns !== null) call.target.items(call.columns.decoder(this.#session.encoding));
	}

	/** The result ends before byte `at`, with this command tag. */
	complete(call: Call, tag: string, at: number): void {
		// a result without rows is one too
		if (call.columns !== null || (call.kind === "query" && call.sql?.isMulti)) this.start(call, at);
		else if (call.kind === "execute" && call.target === null && columnsOf(call) !== null) this.start(call, at);
		call.tagText = tag;
		call.results++;
		call.part?.attributes(resultAttributes(call));
		call.part?.expectMore(false);
		call.target = null;
		if (call.kind === "execute" || call.part === null) return;
		call.rows = 0;
		call.columns = null;
		call.copyFormat = null;
	}
}

/** Columns of an execution: described for this portal, or for its statement in whatever format. */
function columnsOf({ portal }: Call): Columns | null {
	if (portal === null) return null;
	return portal.columns ?? portal.statement.columns?.inFormats(portal.resultFormats) ?? null;
}
