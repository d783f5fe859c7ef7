import type { Diagnostics } from "../plugin.js";
import { formatNotice, type Notice, say } from "./notice.js";

/** Where notices end up: stderr in the main thread, a message to it from a worker. */
export interface NoticeBoard {
	warn(notice: Notice): void;
	info(message: string): void;
}

export const stderrBoard: NoticeBoard = {
	warn: (notice) => say(formatNotice("warning", notice)),
	info: (message) => say(message),
};

const QUIET_MS = 10_000;

/**
 * Lets one warning of each origin and code through in 10 s; the next one says how many were held back.
 */
export class RateLimitedBoard implements NoticeBoard {
	private readonly board: NoticeBoard;
	private readonly nowMs: () => number;
	private readonly seen = new Map<string, { untilMs: number; heldBack: number }>();

	constructor(board: NoticeBoard, nowMs: () => number = () => performance.now()) {
		this.board = board;
		this.nowMs = nowMs;
	}

	warn(notice: Notice, origin = ""): void {
		const key = `${origin} ${notice.code}`;
		const now = this.nowMs();
		const state = this.seen.get(key);
		if (state !== undefined && now < state.untilMs) {
			state.heldBack++;
			return;
		}
		const heldBack = state?.heldBack ?? 0;
		this.seen.set(key, { untilMs: now + QUIET_MS, heldBack: 0 });
		this.board.warn(
			heldBack === 0 ? notice : { ...notice, message: `${notice.message} (and ${heldBack} more like it)` },
		);
	}

	info(message: string): void {
		this.board.info(message);
	}

	/** What a plugin is given. Its name stands in front of what it says. */
	for(name: string): Diagnostics {
		return {
			warn: (code, message, hint) => this.warn({ code, message: `${name}: ${message}`, hint: hint ?? null }, name),
			info: (message) => this.info(`${name}: ${message}`),
		};
	}
}
