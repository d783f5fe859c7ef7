import { isatty } from "node:tty";
import { asWriteError, type Exchange, type Sink, writeFully } from "../../core/index.js";
import type { ConsoleConfig } from "./index.js";
import { LineFormat } from "./line-format.js";
import { type Paint, paintFor } from "./paint.js";
import { prettyText } from "./pretty-format.js";

const STDOUT = 1;
/** One `write` carries about this much. */
const CHUNK_CHARS = 65_536;

export class ConsoleSink implements Sink {
	readonly maxInFlight = 1;
	private readonly config: ConsoleConfig;
	private readonly paint: Paint;
	private readonly lines: LineFormat;

	constructor(config: ConsoleConfig) {
		this.config = config;
		this.paint = paintFor(config.color, process.env, isatty(STDOUT));
		this.lines = new LineFormat(this.paint);
	}

	async open(): Promise<void> {}

	async write(batch: readonly Exchange[]): Promise<void> {
		let text = "";
		try {
			for (const exchange of batch) {
				text += this.format(exchange);
				if (text.length >= CHUNK_CHARS) {
					await writeFully(STDOUT, Buffer.from(text));
					text = "";
				}
			}
			await writeFully(STDOUT, Buffer.from(text));
		} catch (error) {
			throw asWriteError(error);
		}
	}

	async close(): Promise<void> {}

	private format(exchange: Exchange): string {
		if (this.config.format === "line") return this.lines.format(exchange);
		return prettyText(exchange, this.paint, this.config.max_body_chars);
	}
}
