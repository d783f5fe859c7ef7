import { createReadStream } from "node:fs";

const NEWLINE = 10;

/** The lines of a file of any size, lines of any length, without the newline. Each is valid until the next one is asked for. */
export async function* linesOf(path: string): AsyncGenerator<Buffer> {
	let rest: Buffer[] = [];
	for await (const piece of createReadStream(path, { highWaterMark: 4 << 20 })) {
		const chunk: Buffer = piece;
		let from = 0;
		for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
			const line = chunk.subarray(from, end);
			yield rest.length === 0 ? line : Buffer.concat([...rest, line]);
			rest = [];
			from = end + 1;
		}
		if (from < chunk.length) rest.push(chunk.subarray(from));
	}
	if (rest.length > 0) yield Buffer.concat(rest);
}

export async function countLines(path: string): Promise<number> {
	let count = 0;
	for await (const piece of createReadStream(path, { highWaterMark: 4 << 20 })) {
		const chunk: Buffer = piece;
		for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
	}
	return count;
}
