import type { Direction, GapCause } from "../events.js";
import { Carry } from "./carry.js";
import type { Message } from "./message.js";
import type { RecentBytes } from "./recent-bytes.js";
import type { StreamReader } from "./stream.js";

/** What is done with the bytes of a direction. */
type Phase = "detect" | "parse" | "resync" | "opaque";

/** Who is told what a lane's stream delivers. */
export interface LaneOwner {
	bytes(lane: Lane, data: Uint8Array, offset: number, tsUs: number): void;
	gap(lane: Lane, offset: number, length: number, cause: GapCause, tsUs: number): void;
}

/** One direction of a conversation: where its parser is. */
export class Lane implements StreamReader {
	dir: Direction;
	phase: Phase = "detect";
	/** True where the bytes do not begin at the stream's start, or follow a gap. */
	late = false;
	/** Held by `WAIT` until then; 0: not held. */
	waitDeadlineUs = 0;
	endedHow: "fin" | "reset" | "unknown" | null = null;
	readonly carry = new Carry();
	readonly open: Message[] = [];
	/** Position after the last byte that was delivered or found missing; -1: nothing was. */
	offset = -1;
	/** From positions of this lane to those of the connection that carries it; 0 for a connection's own. */
	shift = 0;
	flags: string[] | null = null;
	recent: RecentBytes | null = null;
	readonly #owner: LaneOwner;

	constructor(owner: LaneOwner, dir: Direction) {
		this.#owner = owner;
		this.dir = dir;
	}

	onBytes(data: Uint8Array, offset: number, tsUs: number): void {
		if (this.recent !== null) this.recent.append(data, offset);
		this.#owner.bytes(this, data, offset, tsUs);
	}

	onGap(offset: number, length: number, cause: GapCause, tsUs: number): void {
		this.#owner.gap(this, offset, length, cause, tsUs);
	}

	/** Ends what is open as incomplete; `tsUs` null: when its last byte came. */
	closeOpen(offset: number, tsUs: number | null, outcome: "aborted" | "partial", shift = this.shift): void {
		for (const message of [...this.open]) {
			message.bodyGap(null);
			message.close(offset + shift, tsUs ?? message.endUs, outcome, shift);
		}
	}
}
