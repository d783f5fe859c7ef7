/** Real HTTP/2: Node's client and server talk over a pair of streams, and every byte is kept in the order in which it passed. */
import { once } from "node:events";
import http2 from "node:http2";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Direction } from "../../../core/index.js";

export interface Chunk {
	readonly dir: Direction;
	readonly bytes: Buffer;
}

class End extends Duplex {
	peer: End | null = null;
	readonly #dir: Direction;
	readonly #chunks: Chunk[];

	constructor(dir: Direction, chunks: Chunk[]) {
		super({ allowHalfOpen: true });
		this.#dir = dir;
		this.#chunks = chunks;
	}

	override _read(): void {}

	override _write(data: Buffer, _encoding: BufferEncoding, done: () => void): void {
		const bytes = Buffer.from(data);
		this.#chunks.push({ dir: this.#dir, bytes });
		this.peer?.push(bytes);
		done();
	}

	override _final(done: () => void): void {
		this.peer?.push(null);
		done();
	}
}

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** What passed while `use` ran. */
export async function talk(
	handler: Handler,
	use: (client: http2.ClientHttp2Session) => Promise<void>,
	settings: { readonly client?: http2.Settings; readonly server?: http2.Settings } = {},
): Promise<Chunk[]> {
	const chunks: Chunk[] = [];
	const [a, b] = [new End(0, chunks), new End(1, chunks)];
	a.peer = b;
	b.peer = a;
	const server = http2.createServer({ settings: settings.server ?? {} });
	server.on("stream", (stream, headers) => {
		stream.on("error", () => {});
		handler(stream, headers);
	});
	server.on("sessionError", () => {});
	server.emit("connection", b);
	const client = http2.connect("http://shop.example.test:8080", {
		createConnection: () => a,
		settings: settings.client ?? {},
	});
	client.on("error", () => {});
	await once(client, "connect");
	await use(client);
	await new Promise<void>((resolve) => {
		client.close(resolve);
	});
	for (let i = 0; i < 20; i++) await turn();
	return chunks;
}

export interface Answer {
	readonly status: number;
	readonly headers: http2.IncomingHttpHeaders;
	readonly body: Buffer;
	readonly trailers: http2.IncomingHttpHeaders;
}

/** One request, and all of its answer. */
export async function ask(
	client: http2.ClientHttp2Session,
	headers: http2.OutgoingHttpHeaders,
	body: Buffer | string | null = null,
): Promise<Answer> {
	const stream = client.request(headers, { endStream: body === null });
	let answer: http2.IncomingHttpHeaders = {};
	let trailers: http2.IncomingHttpHeaders = {};
	stream.on("response", (found) => {
		answer = found;
	});
	stream.on("trailers", (found) => {
		trailers = found;
	});
	if (body !== null) stream.end(body);
	const pieces: Buffer[] = [];
	for await (const piece of stream) pieces.push(piece as Buffer);
	return { status: Number(answer[":status"]), headers: answer, body: Buffer.concat(pieces), trailers };
}
