import type { HeaderList } from "../../core/index.js";
import { type Facts, Framing } from "./head.js";

export const SMUGGLING = "request-smuggling-shape";
export const BARE_LF = "bare-lf";

/**
 * What the fields say about the payload. `status` 0: a request, which has no payload where nothing announces one.
 * Where both lengths are given `Transfer-Encoding` wins; of differing `Content-Length` values the first one.
 */
export function factsOf(
	headers: HeaderList,
	status: number,
	isOldVersion: boolean,
	oddities: readonly string[],
	takesContent: (mediaType: string) => boolean,
): Facts {
	let lengths: string | null = null;
	let transfer: string | null = null;
	let content: string | null = null;
	let upgrade: string | null = null;
	let type: string | null = null;
	for (const [name, value] of headers) {
		// the length first: most names need no comparison
		switch (name.length) {
			case 7:
				if (name.toLowerCase() === "upgrade") upgrade = joined(upgrade, value);
				break;
			case 12:
				if (type === null && name.toLowerCase() === "content-type") type = essence(value);
				break;
			case 14:
				if (name.toLowerCase() === "content-length") lengths = joined(lengths, value);
				break;
			case 16:
				if (name.toLowerCase() === "content-encoding") content = joined(content, value);
				break;
			case 17:
				if (name.toLowerCase() === "transfer-encoding") transfer = joined(transfer, value);
				break;
		}
	}
	const isRequest = status === 0;
	let framing: Framing = isRequest ? Framing.none : Framing.close;
	let length = 0;
	let smuggling = transfer !== null && (lengths !== null || isOldVersion);
	if (lengths !== null) {
		const announced = DIGITS.test(lengths) ? Number(lengths) : differing(lengths);
		if (!DIGITS.test(lengths)) smuggling = true;
		framing = Framing.close;
		if (Number.isSafeInteger(announced)) {
			framing = announced === 0 ? Framing.none : Framing.length;
			length = announced;
		} else smuggling = true;
	}
	let coding = content === null ? null : codings(content);
	if (transfer !== null) {
		const list = tokens(transfer);
		const isChunked = list[list.length - 1] === "chunked";
		if (list.indexOf("chunked") !== (isChunked ? list.length - 1 : -1)) smuggling = true;
		if (isRequest && !isChunked) smuggling = true;
		if (isChunked || list.some((token) => token !== "identity")) {
			framing = isChunked ? Framing.chunked : Framing.close;
			length = 0;
		}
		const more = codings(transfer);
		if (more !== null) coding = coding === null ? more : `${coding}, ${more}`;
	}
	if (status === 204 || status === 304 || (status >= 100 && status < 200)) framing = Framing.none;
	return {
		framing,
		length: framing === Framing.length ? length : 0,
		coding,
		mediaType: type !== null && takesContent(type) ? type : null,
		upgrade: upgrade === null ? null : (tokens(upgrade)[0] ?? null),
		flags: smuggling && !oddities.includes(SMUGGLING) ? [...oddities, SMUGGLING] : oddities,
	};
}

/** A media type without its parameters. */
function essence(value: string): string {
	const end = value.indexOf(";");
	return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

const DIGITS = /^\d{1,16}$/;

function joined(before: string | null, value: string): string {
	return before === null ? value : `${before},${value}`;
}

function tokens(list: string): string[] {
	return list
		.toLowerCase()
		.split(",")
		.map((token) => token.trim())
		.filter((token) => token !== "");
}

function codings(list: string): string | null {
	const all = tokens(list).filter((token) => token !== "identity" && token !== "chunked");
	return all.length === 0 ? null : all.join(", ");
}

/** The first of several lengths; NaN where one of them is no number. */
function differing(list: string): number {
	const all = list.split(",").map((value) => value.trim());
	return all.every((value) => DIGITS.test(value)) ? Number(all[0]) : Number.NaN;
}
