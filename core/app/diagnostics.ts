import type { Diagnostics } from "../plugin.js";
import type { Notice } from "./notice.js";
import { ProblemBook } from "./problems.js";

/** Where notices end up: stderr in the main thread, a message to it from a worker. */
export interface NoticeBoard {
	/** `origin`: name of the part that it is about; empty: none. */
	warn(notice: Notice, origin: string): void;
	info(message: string): void;
}

const QUIET_MS = 10_000;
/** Plugins choose their codes: no more of them are told apart. */
const MOST_KEYS = 1_000;
/** Lines of information that one plugin may say in that time. */
const MOST_INFO = 20;

/**
 * Lets one warning of each origin and code through in 10 s; the next one says how many were held back.
 */
export class RateLimitedBoard implements NoticeBoard {
	/** All of them, held back or not. */
	readonly problems = new ProblemBook();
	private readonly board: NoticeBoard;
	private readonly nowMs: () => number;
	private readonly seen = new Map<string, Held>();
	private readonly talk = new Map<string, { untilMs: number; said: number }>();

	constructor(board: NoticeBoard, nowMs: () => number = () => performance.now()) {
		this.board = board;
		this.nowMs = nowMs;
	}

	warn(notice: Notice, origin = ""): void {
		this.problems.note(notice, origin);
		const now = this.nowMs();
		const key = `${origin} ${notice.code}`;
		if (this.seen.size >= MOST_KEYS && !this.seen.has(key)) this.flush();
		const state = this.seen.get(key);
		if (state !== undefined && now < state.untilMs) {
			state.heldBack++;
			return;
		}
		const heldBack = state?.heldBack ?? 0;
		this.seen.set(key, { origin, notice, untilMs: now + QUIET_MS, heldBack: 0 });
		this.board.warn(
			heldBack === 0 ? notice : { ...notice, message: `${notice.message} (and ${heldBack} more like it)` },
			origin,
		);
	}

	/** Says what is still held back, and begins anew. */
	flush(): void {
		for (const { origin, notice, heldBack } of this.seen.values())
			if (heldBack > 0)
				this.board.warn({ ...notice, message: `${notice.message} (and ${heldBack} more like it)`, hint: null }, origin);
		this.seen.clear();
	}

	info(message: string): void {
		this.board.info(message);
	}

	/** What a plugin is given. Its name stands in front of what it says. */
	for(name: string): Diagnostics {
		return {
			warn: (code, message, hint) => this.warn({ code, message: `${name}: ${message}`, hint: hint ?? null }, name),
			info: (message) => {
				if (this.mayTalk(name)) this.info(`${name}: ${message}`);
			},
		};
	}

	private mayTalk(name: string): boolean {
		const now = this.nowMs();
		let state = this.talk.get(name);
		if (state === undefined || now >= state.untilMs)
			this.talk.set(name, (state = { untilMs: now + QUIET_MS, said: 0 }));
		return ++state.said <= MOST_INFO;
	}
}

interface Held {
	readonly origin: string;
	/** The one that was told. */
	readonly notice: Notice;
	readonly untilMs: number;
	heldBack: number;
}
