/**
 * What the HTTP/1.x parser alone costs, without engine and JSON: `node dist/bench/parsers/http1.js`. The bytes lie in one
 * ring-like memory, as the eBPF source has them; what the parser says goes nowhere. Processor time, garbage collection
 * included: the clock on the wall tells what else the machine does.
 */
import type {
	Direction,
	MessageHead,
	MessageWriter,
	ParserContext,
	ParserOutput,
	PartWriter,
	ProtocolParser,
} from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";

const ROUNDS = 7;
const CONNECTIONS = 32;
const RING_BYTES = 8 << 20;

class Nowhere implements ParserOutput, MessageWriter, PartWriter {
	readonly mustProceed = false;
	finished = 0;
	payload = 0;
	givenUp = "";
	#request: MessageHead | null = null;
	#dir: Direction = 0;

	show(dir: Direction): void {
		this.#dir = dir;
	}

	offsetAt(index: number): number {
		return index;
	}

	timeAt(index: number): number {
		return index;
	}

	pending(): MessageHead | null {
		return this.#request;
	}

	begin(): MessageWriter {
		return this;
	}

	handover(protocol: string | null): void {
		this.givenUp = protocol ?? "tunnel";
	}

	opaque(reason: string): void {
		this.givenUp = reason;
	}

	flag(): void {}
	note(): void {}
	count(): void {}

	child(): never {
		throw new Error("HTTP/1 has no streams");
	}

	settle(): boolean {
		return false;
	}

	readonly id = "";
	wireBytes(): void {}
	abandon(): void {}
	secret(): void {}
	annotate(): void {}
	item(): void {}
	items(): void {}

	head(head: MessageHead): void {
		if (this.#dir === 0) this.#request = head;
	}

	interim(): void {}

	body(_bytes: Uint8Array, from: number, to: number): void {
		this.payload += to - from;
	}

	lost(): void {}
	bodyGap(): void {}
	contentEncoding(): void {}
	trailers(): void {}
	expectMore(): void {}
	decodeWith(): void {}

	contentType(): boolean {
		return false;
	}

	content(): boolean {
		return false;
	}

	message(): this {
		return this;
	}

	attributes(): void {}

	finish(): void {
		this.finished++;
	}
}

/** A request and its response as text; `i` counts exchanges. */
type Script = (i: number) => readonly [request: string, response: string];

const REQUEST = "GET /orders/7 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const REAL_REQUEST_FIELDS =
	"Host: shop.example.test:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: application/json, text/plain, */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n";
const PAYLOAD = "x".repeat(96);
const clock = (i: number): string => new Date(1_790_000_000_000 + i * 1000).toUTCString();
const responseWith = (date: string, payload: string): string =>
	`HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: ${date}\r\nContent-Type: application/octet-stream\r\n` +
	`Content-Length: ${payload.length}\r\nConnection: keep-alive\r\n\r\n${payload}`;
const RESPONSE = responseWith(clock(0), PAYLOAD);
const LARGE_RESPONSE = responseWith(clock(0), "x".repeat(10_240));
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const CHUNKED_RESPONSE = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("x".repeat(1000)).repeat(10)}0\r\n\r\n`;

/**
 * Nanoseconds an exchange. Every connection's exchanges come in turn; `pieceBytes`: how many bytes `data` is offered more
 * each time.
 */
function measure(script: Script, exchanges: number, pieceBytes = Number.POSITIVE_INFINITY): number {
	const shared = new Map<string, unknown>();
	const context: ParserContext = {
		hint: { transport: "tcp", serverPort: 80, alpn: null, late: false },
		shared,
		handover: null,
		parent: null,
		options: null,
		takesContent: () => false,
	};
	const parsers: ProtocolParser[] = Array.from({ length: CONNECTIONS }, () => http1.create(context));
	const out = new Nowhere();
	const ring = Buffer.from(new ArrayBuffer(RING_BYTES));
	const views: { readonly dir: Direction; readonly bytes: Uint8Array }[] = [];
	let filled = 0;
	let microseconds = 0;
	const drain = (first: number): void => {
		const before = process.cpuUsage();
		for (let i = 0; i < views.length; i++) {
			const { dir, bytes } = views[i]!;
			const parser = parsers[(first + (i >> 1)) % CONNECTIONS]!;
			out.show(dir);
			if (pieceBytes >= bytes.length) parser.data(dir, bytes, out);
			else trickle(parser, dir, bytes, pieceBytes, out);
		}
		const used = process.cpuUsage(before);
		microseconds += used.user + used.system;
		views.length = 0;
		filled = 0;
	};
	let first = 0;
	for (let i = 0; i < exchanges; i++) {
		const texts = script(i);
		if (filled + texts[0].length + texts[1].length + 16 > RING_BYTES || views.length >= 4096) {
			drain(first);
			first = i;
		}
		for (const dir of [0, 1] as const) {
			const length = ring.write(texts[dir], filled, "latin1");
			views.push({ dir, bytes: new Uint8Array(ring.buffer, filled, length) });
			filled = (filled + length + 7) & ~7;
		}
	}
	drain(first);
	if (out.finished !== exchanges * 2 || out.givenUp !== "")
		throw new Error(`${out.finished} of ${exchanges * 2} messages, ${out.givenUp}`);
	return (microseconds * 1000) / exchanges;
}

/** Offers what was not consumed again, with `step` bytes more, as the engine does. */
function trickle(parser: ProtocolParser, dir: Direction, bytes: Uint8Array, step: number, out: ParserOutput): void {
	let from = 0;
	for (let to = step; ; to += step) {
		const end = Math.min(to, bytes.length);
		from += parser.data(dir, new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from), out);
		if (end === bytes.length) return;
	}
}

function report(name: string, exchanges: number, script: Script, pieceBytes?: number): void {
	const rounds = Array.from({ length: ROUNDS }, () => measure(script, exchanges, pieceBytes)).sort((a, b) => a - b);
	const median = rounds[ROUNDS >> 1]!;
	console.log(
		`${name.padEnd(52)} ${median.toFixed(0).padStart(8)} ns an exchange (${rounds[0]!.toFixed(0)} to ${rounds.at(-1)!.toFixed(0)})`,
	);
}

const longHead = (bytes: number): Script => {
	const request = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"a".repeat(bytes)}\r\n\r\n`;
	return () => [request, RESPONSE];
};

// the first round of every kind is for the compiler
measure(() => [REQUEST, RESPONSE], 100_000);
report("repeated heads, 96-byte body", 400_000, () => [REQUEST, RESPONSE]);
report("repeated heads of a browser", 200_000, () => [`GET / HTTP/1.1\r\n${REAL_REQUEST_FIELDS}\r\n`, RESPONSE]);
report("the path changes every time", 100_000, (i) => [REQUEST.replace("7", String(i)), RESPONSE]);
report("the date changes every 1000 exchanges", 200_000, (i) => [
	REQUEST,
	responseWith(clock(Math.floor(i / 1000)), PAYLOAD),
]);
report("both heads are new every time", 100_000, (i) => [
	REQUEST.replace("7", String(i)),
	responseWith(clock(i), PAYLOAD),
]);
report("both heads are new, request of a browser", 100_000, (i) => [
	`GET /orders/${i} HTTP/1.1\r\n${REAL_REQUEST_FIELDS}\r\n`,
	responseWith(clock(i), PAYLOAD),
]);
report("10 KiB body", 50_000, () => [REQUEST, LARGE_RESPONSE]);
report("10 chunks of 1000 bytes", 50_000, () => [REQUEST, CHUNKED_RESPONSE]);
report("byte by byte", 5_000, () => [REQUEST, RESPONSE], 1);
report("byte by byte, a head of 1 KiB", 1_000, longHead(1_000), 1);
report("byte by byte, a head of 16 KiB", 100, longHead(16_000), 1);
