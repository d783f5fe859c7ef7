import type { Body, Exchange, ExchangeMessage, HeaderList } from "../../core/index.js";
import { endpoint, timeOf } from "./line-format.js";
import { marksOf } from "./marks.js";
import type { Paint } from "./paint.js";
import { plainBlock, plainLine } from "./plain-text.js";
import { duration, size } from "./units.js";

/** An exchange with headers and bodies, and an empty line after it. */
export function prettyText(exchange: Exchange, paint: Paint, maxBodyChars: number): string {
	const { client, server } = exchange.connection;
	const marks = marksOf(exchange);
	const title = `${exchange.summary.operation} → ${exchange.summary.result}`;
	const lines = [
		`${paint.bold(plainLine(title))}  ${duration(exchange.durationUs)}${marks.length > 0 ? `  ${paint.yellow(plainLine(marks.join(" ")))}` : ""}`,
		paint.dim(
			`${timeOf(exchange.startedAt)}  ${plainLine(exchange.protocol)}  ${endpoint(client)} → ${endpoint(server)}`,
		),
		paint.dim(`id ${exchange.id}`),
	];
	if (exchange.request !== null) {
		lines.push(...message(exchange.request, exchange.summary.operation, paint.cyan(">"), paint, maxBodyChars));
	}
	if (exchange.response !== null) {
		for (const interim of exchange.response.interim) {
			lines.push(...headers(interim.headers, paint.dim("<"), paint), paint.dim("<"));
		}
		lines.push(...message(exchange.response, exchange.summary.result, paint.green("<"), paint, maxBodyChars));
	}
	return `${lines.join("\n")}\n\n`;
}

function message(one: ExchangeMessage, start: string, mark: string, paint: Paint, maxBodyChars: number): string[] {
	const lines = [`${mark} ${paint.bold(plainLine(start))}`, ...headers(one.headers, mark, paint)];
	lines.push(...body(one.body, mark, paint, maxBodyChars));
	if (one.trailers.length > 0) lines.push(`${mark} ${paint.dim("trailers")}`, ...headers(one.trailers, mark, paint));
	for (const part of one.messages ?? []) {
		lines.push(`${mark} ${paint.dim(`message ${timeOf(part.at)} ${size(part.bytes)}`)}`);
		lines.push(...indent(shown(part.encoding, part.data), mark, maxBodyChars, paint));
	}
	return lines;
}

function headers(list: HeaderList, mark: string, paint: Paint): string[] {
	return list.map(([name, value]) => `${mark} ${paint.dim(`${plainLine(name)}:`)} ${plainLine(value)}`);
}

function body(one: Body, mark: string, paint: Paint, maxBodyChars: number): string[] {
	if (one.bytes === 0 && one.gaps.length === 0) return [];
	const facts = [size(one.bytes)];
	if (one.decodedFrom !== undefined) facts.push(`decoded from ${plainLine(one.decodedFrom)}`);
	if (one.decodeLimited === true) facts.push("decoded only in part");
	if (one.completeness !== "complete") facts.push(`${one.completeness}, ${size(one.captured)} captured`);
	for (const gap of one.gaps) facts.push(`missing ${gap.from}–${gap.to ?? "?"} (${gap.cause})`);
	return [
		mark,
		`${mark} ${paint.dim(`[${facts.join(", ")}]`)}`,
		...indent(shown(one.encoding, one.data), mark, maxBodyChars, paint),
	];
}

function indent(text: string, mark: string, maxBodyChars: number, paint: Paint): string[] {
	if (text === "") return [];
	const cut = text.length > maxBodyChars;
	const lines = plainBlock(cut ? text.slice(0, maxBodyChars) : text).split("\n");
	if (lines.at(-1) === "") lines.pop();
	const out = lines.map((line) => `${mark} ${line}`);
	if (cut) out.push(`${mark} ${paint.dim(`… ${text.length - maxBodyChars} more characters`)}`);
	return out;
}

function shown(encoding: Body["encoding"], data: unknown): string {
	if (encoding === "json") return JSON.stringify(data, null, 2) ?? "";
	return typeof data === "string" ? data : "";
}
