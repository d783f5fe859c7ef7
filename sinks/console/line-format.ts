import type { Exchange, ExchangeEndpoint } from "../../core/index.js";
import { marksOf } from "./marks.js";
import type { Paint } from "./paint.js";
import { plainLine, shortened } from "./plain-text.js";
import { duration, size } from "./units.js";

/** A column grows with what it shows, up to here; what is longer sticks out. */
const WIDEST = { protocol: 12, ends: 64, operation: 48, result: 12 };
const LONGEST_OPERATION = 160;

type Column = keyof typeof WIDEST;

/** One aligned line an exchange. */
export class LineFormat {
	private readonly paint: Paint;
	private readonly widths: Record<Column, number> = { protocol: 8, ends: 32, operation: 20, result: 3 };

	constructor(paint: Paint) {
		this.paint = paint;
	}

	/** With its newline. */
	format(exchange: Exchange): string {
		const { paint } = this;
		const { client, server } = exchange.connection;
		const failed = exchange.outcome !== "ok";
		const operation = shortened(plainLine(exchange.summary.operation), LONGEST_OPERATION);
		const cells = [
			paint.dim(timeOf(exchange.startedAt)),
			paint.cyan(this.pad("protocol", plainLine(exchange.protocol))),
			this.pad("ends", `${endpoint(client)} → ${endpoint(server)}`),
			paint.bold(this.pad("operation", operation)),
			(failed ? paint.red : paint.green)(this.pad("result", shortened(plainLine(exchange.summary.result), 40))),
			duration(exchange.durationUs).padStart(7),
			`${size(exchange.request?.bytes ?? 0)}/${size(exchange.response?.bytes ?? 0)}`.padStart(14),
		];
		const marks = marksOf(exchange);
		if (marks.length > 0) cells.push(paint.yellow(plainLine(marks.join(" "))));
		return `${cells.join("  ")}\n`;
	}

	private pad(column: Column, text: string): string {
		if (text.length > this.widths[column]) this.widths[column] = Math.min(text.length, WIDEST[column]);
		return text.padEnd(this.widths[column]);
	}
}

/** `03:04:05.123456`, UTC. */
export function timeOf(timestamp: string): string {
	return timestamp.slice(11, 26);
}

/** `10.0.0.5:51234 (node)`, `[::1]:80` */
export function endpoint(end: ExchangeEndpoint): string {
	const address = end.address.includes(":") ? `[${end.address}]` : end.address;
	const where = end.port === 0 && address.startsWith("/") ? address : `${address}:${end.port}`;
	return plainLine(end.process === null ? where : `${where} (${end.process.name})`);
}
