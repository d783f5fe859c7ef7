/** Reads a file of exchange records, one JSON object a line, gzip too. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { PolytapError } from "../errors.js";
import { EXCHANGE_SCHEMA, type Exchange } from "../exchange.js";
import type { Digest, Digester } from "./digest.js";

const NEWLINE = 10;
const PIECE_BYTES = 4 << 20;

export interface RecordsFile {
	/** By the name of the source that saw them, or its type. */
	readonly bySource: ReadonlyMap<string, readonly Digest[]>;
	/** Records that several sources saw, so that nobody knows any more what each of them had. */
	readonly merged: number;
	/** Lines that are no exchange record: the end of a file that was being written. */
	readonly unreadable: number;
}

/** Rejects with `CAPTURE_UNREADABLE`. `isZipped`: by gzip. */
export async function readRecords(
	path: string,
	digester: Digester,
	by: "source" | "type",
	isZipped = false,
): Promise<RecordsFile> {
	const bySource = new Map<string, Digest[]>();
	let merged = 0;
	let unreadable = 0;
	try {
		for await (const line of linesOf(path, isZipped)) {
			const exchange = exchangeOf(line);
			if (exchange === null) {
				unreadable++;
				continue;
			}
			const sources = new Set(exchange.observedBy.map(({ source }) => source));
			if (sources.size > 1) merged++;
			const source = exchange.observedBy[0]?.[by] ?? "?";
			const digests = bySource.get(source);
			if (digests === undefined) bySource.set(source, [digester.of(exchange)]);
			else digests.push(digester.of(exchange));
		}
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("CAPTURE_UNREADABLE", `cannot read ${path}: ${reason}`, null, error);
	}
	return { bySource, merged, unreadable };
}

function exchangeOf(line: string): Exchange | null {
	try {
		const value: Exchange | null = JSON.parse(line);
		return value?.schema === EXCHANGE_SCHEMA ? value : null;
	} catch {
		return null;
	}
}

async function* linesOf(path: string, isZipped: boolean): AsyncGenerator<string> {
	const file = createReadStream(path, { highWaterMark: PIECE_BYTES });
	let pieces: Readable = file;
	if (isZipped) {
		const gunzip = createGunzip();
		file.on("error", (error) => gunzip.destroy(error));
		pieces = file.pipe(gunzip);
	}
	let rest: Buffer[] = [];
	for await (const piece of pieces) {
		const chunk: Buffer = piece;
		let from = 0;
		for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
			const line = Buffer.concat([...rest, chunk.subarray(from, end)]).toString("utf8");
			rest = [];
			from = end + 1;
			if (line !== "") yield line;
		}
		if (from < chunk.length) rest.push(chunk.subarray(from));
	}
	const last = Buffer.concat(rest).toString("utf8");
	if (last !== "") yield last;
}
