/** Problems as a person reads them: `error[CODE]: message` and `hint: what to do`, on stderr. */
import { writeSync } from "node:fs";
import { ERRORS, type ErrorCode, PolytapError } from "../errors.js";

const STDERR = 2;

/** A problem as plain data, so that it can cross threads. */
export interface Notice {
	readonly code: string;
	readonly message: string;
	readonly hint: string | null;
}

/** Of whatever was thrown. What is no `PolytapError` is a bug: `INTERNAL`, with its stack. */
export function noticeOf(error: unknown): Notice {
	if (error instanceof PolytapError) return { code: error.code, message: error.message, hint: error.hint };
	const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
	return { code: "INTERNAL", message, hint: "this is a bug in polytap or in a plugin: please report it" };
}

export function formatNotice(level: "error" | "warning", notice: Notice): string {
	const hint = notice.hint === null ? "" : `hint: ${notice.hint}\n`;
	return `${level}[${notice.code}]: ${notice.message}\n${hint}`;
}

/** Never throws: with stderr gone there is nobody left to tell. */
export function say(text: string): void {
	try {
		writeSync(STDERR, text.endsWith("\n") ? text : `${text}\n`);
	} catch {}
}

/** The process's exit code where this is what went wrong. */
export function exitCodeOf(notice: Notice): number {
	return Object.hasOwn(ERRORS, notice.code) ? ERRORS[notice.code as ErrorCode].exit : 1;
}
