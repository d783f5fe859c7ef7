import type { Notice } from "./notice.js";

/** Something that went wrong in this run, and with what. The latest of its origin and code. */
export interface Problem {
	/** Name of the source, sink or parser, or a word for a part of polytap; empty where nobody is to blame. */
	readonly origin: string;
	readonly code: string;
	readonly message: string;
	readonly at: string;
	readonly times: number;
}

const MOST = 200;

/** What health and totals name. Bounded: of a flood of different ones the oldest go. */
export class ProblemBook {
	private readonly problems = new Map<string, Problem>();

	note({ code, message }: Notice, origin: string, nowMs = Date.now()): void {
		const key = `${origin}\n${code}`;
		const times = (this.problems.get(key)?.times ?? 0) + 1;
		this.problems.delete(key);
		const [short = ""] = message.split("\n", 1);
		this.problems.set(key, { origin, code, message: short.slice(0, 500), at: new Date(nowMs).toISOString(), times });
		if (this.problems.size <= MOST) return;
		for (const oldest of this.problems.keys()) {
			this.problems.delete(oldest);
			break;
		}
	}

	list(): readonly Problem[] {
		return [...this.problems.values()];
	}
}
