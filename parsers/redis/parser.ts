import { type Direction, type ParserContext, type ParserOutput, type ProtocolParser, WAIT } from "../../core/index.js";
import { type Found, nextCommand } from "./alignment.js";
import { Heads } from "./heads.js";
import { Replies } from "./replies.js";
import { Requests } from "./requests.js";
import { Session } from "./session.js";
import { HOLD, INCOMPLETE, INVALID } from "./wire.js";

/** One connection to a Redis server (RESP2 and RESP3). */
export class RedisParser implements ProtocolParser {
	readonly #session: Session;
	readonly #requests: Requests;
	readonly #replies: Replies;
	/** The server stopped before a reply of which nothing was told yet came to its end. */
	#isCut = false;

	constructor({ hint, shared }: ParserContext) {
		this.#session = new Session(Heads.of(shared), hint);
		this.#requests = new Requests(this.#session);
		this.#replies = new Replies(this.#session);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const session = this.#session;
		if (dir === 0) session.pairing.isAlone = false;
		else this.#isCut = false;
		const consumed = this.#read(dir, bytes, out);
		if (consumed > 0) session.pairing.passed(dir, consumed, out);
		return consumed;
	}

	#read(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const session = this.#session;
		let at = 0;
		while (at < bytes.length && !session.isOver) {
			const next = dir === 0 ? this.#requests.lane.step(bytes, at, out) : this.#replies.step(bytes, at, out);
			if (next === INVALID) {
				session.giveUp(out, dir === 0 ? "not-a-command" : "not-a-reply");
				return at;
			}
			if (next < 0) {
				if (dir === 1) this.#isCut = next === INCOMPLETE && this.#replies.isBetween;
				return next === HOLD && at === 0 ? WAIT : at;
			}
			at = next;
		}
		return at;
	}

	gap(dir: Direction, length: number | null): boolean {
		return dir === 0 ? this.#requests.lane.gap(length) : this.#replies.gap(length);
	}

	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): Found {
		if (dir === 1) return this.#replies.resync(bytes, out);
		this.#requests.lost();
		return nextCommand(bytes);
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		if (dir === 1) this.#session.pairing.end(this.#isCut, how, out);
	}
}
