import type { Direction } from "../../../core/index.js";

/** What one end says, as bytes or as latin-1 text. */
export interface Step {
	readonly from: "client" | "server";
	readonly text?: string;
	readonly bytes?: Uint8Array;
}

/** What two ends say to each other on one connection, in the order of the wire. */
export interface Conversation {
	readonly name: string;
	readonly steps: readonly Step[];
	/** The server's port, for parsers that look at it. */
	readonly serverPort?: number;
}

/** A piece of one direction's stream as it was sent. */
export interface Sent {
	readonly dir: Direction;
	/** Positions in that direction's stream. */
	readonly from: number;
	readonly to: number;
	/** Microseconds. */
	readonly atUs: number;
}

export const START_US = 1_700_000_000_000_000;
const STEP_US = 1000;

/** A conversation as two streams and the order in which they were sent. */
export class Talk {
	readonly name: string;
	readonly serverPort: number;
	readonly streams: readonly [Uint8Array, Uint8Array];
	readonly sent: readonly Sent[];

	constructor({ name, steps, serverPort = 80 }: Conversation) {
		this.name = name;
		this.serverPort = serverPort;
		const pieces: [Uint8Array[], Uint8Array[]] = [[], []];
		const lengths: [number, number] = [0, 0];
		const sent: Sent[] = [];
		for (const [index, step] of steps.entries()) {
			const dir = step.from === "client" ? 0 : 1;
			const bytes = step.bytes ?? Buffer.from(step.text ?? "", "latin1");
			if (bytes.length === 0) continue;
			pieces[dir].push(bytes);
			sent.push({ dir, from: lengths[dir], to: lengths[dir] + bytes.length, atUs: START_US + index * STEP_US });
			lengths[dir] += bytes.length;
		}
		// in memory of its own: what a parser writes into it must not reach the test's own arrays
		this.streams = [Uint8Array.from(Buffer.concat(pieces[0])), Uint8Array.from(Buffer.concat(pieces[1]))];
		this.sent = sent;
	}

	get length(): number {
		return this.streams[0].length + this.streams[1].length;
	}

	timeAt(dir: Direction, position: number): number {
		for (const piece of this.sent)
			if (piece.dir === dir && position >= piece.from && position < piece.to) return piece.atUs;
		return this.sent.at(-1)?.atUs ?? START_US;
	}

	/** How much of each direction was sent when `count` bytes of both together were. */
	positionsAfter(count: number): readonly [number, number] {
		const positions: [number, number] = [0, 0];
		let left = count;
		for (const { dir, from, to } of this.sent) {
			const taken = Math.min(left, to - from);
			positions[dir] = from + taken;
			left -= taken;
			if (left === 0) break;
		}
		return positions;
	}
}
