/** What polytap says about itself, on stderr: lines for people, or JSON. Data never goes here, and nothing else does. */
import { createRequire } from "node:module";
import type { pino as Pino } from "pino";
import type { LogOptions } from "../config/schema.js";
import type { NoticeBoard } from "./diagnostics.js";
import { formatNotice, type Notice, say } from "./notice.js";
import { formatTotals, type Totals } from "./totals.js";

export interface Log extends NoticeBoard {
	error(notice: Notice): void;
	totals(totals: Totals): void;
}

/** Before a config was read, and without one. */
export const DEFAULT_LOG: LogOptions = { format: "text", level: "info" };

export function makeLog(options: LogOptions = DEFAULT_LOG, write: (text: string) => void = say): Log {
	return options.format === "json" ? jsonLog(options, write) : textLog(options, write);
}

/** Of a run: a reload may give it other options. */
export class RunLog implements Log {
	private log: Log;
	private readonly write: (text: string) => void;

	constructor(options: LogOptions, write: (text: string) => void = say) {
		this.write = write;
		this.log = makeLog(options, write);
	}

	/** From the next line on. */
	use(options: LogOptions): void {
		this.log = makeLog(options, this.write);
	}

	error(notice: Notice): void {
		this.log.error(notice);
	}

	warn(notice: Notice, origin: string): void {
		this.log.warn(notice, origin);
	}

	info(message: string): void {
		this.log.info(message);
	}

	totals(totals: Totals): void {
		this.log.totals(totals);
	}
}

function textLog({ level }: LogOptions, write: (text: string) => void): Log {
	return {
		error: (notice) => write(formatNotice("error", notice)),
		warn: (notice) => {
			if (level !== "error") write(formatNotice("warning", notice));
		},
		info: (message) => {
			if (level === "info") write(message);
		},
		totals: (totals) => {
			if (level === "info") write(formatTotals(totals));
		},
	};
}

function jsonLog({ level }: LogOptions, write: (text: string) => void): Log {
	const { pino }: { readonly pino: typeof Pino } = createRequire(import.meta.url)("pino");
	const logger = pino(
		{
			level,
			base: { pid: process.pid },
			timestamp: () => `,"time":"${new Date().toISOString()}"`,
			formatters: { level: (label) => ({ level: label }) },
		},
		// synchronous: the process may end at any time
		{ write },
	);
	return {
		error: ({ code, message, hint }) => logger.error({ code, hint }, message),
		warn: ({ code, message, hint }, origin) => logger.warn({ code, origin, hint }, message),
		info: (message) => logger.info(message),
		totals: (totals) => logger.info({ totals }, "totals"),
	};
}
