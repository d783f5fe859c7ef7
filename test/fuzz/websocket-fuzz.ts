/**
 * Broken conversations of WebSocket, behind their handshake, through one engine: whole, in pieces, and in pieces with holes.
 * Nothing may throw, and whole and in pieces the same must be said.
 * `node dist/test/fuzz/websocket-fuzz.js [COUNT] [SEED]` prints the counts, the time and the memory; what is wrong throws, with the input.
 */
import { Engine } from "../../core/engine/engine.js";
import type { CaptureEvent, Direction, Exchange } from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";
import websocket from "../../parsers/websocket/index.js";
import { conversations } from "../parsers/websocket/conversations.js";
import { MUTATION_KINDS, mutate, numbersFrom } from "../testkit/mutation.js";

interface Piece {
	readonly dir: Direction;
	readonly bytes: Uint8Array;
}

const scripts = conversations.map(({ steps }) =>
	steps.map(
		({ from, text = "" }): Piece => ({
			dir: from === "client" ? 0 : 1,
			bytes: Uint8Array.from(Buffer.from(text, "latin1")),
		}),
	),
);
/** Request and response of the handshake. */
const HANDSHAKE = 2;
const MAX_PIECE = 20;

class Fuzz {
	readonly #next: () => number;
	readonly #engine: Engine;
	readonly #source: number;
	#said: string[] = [];
	#isOpaque = false;
	#nowUs = 1;
	#failure: unknown = null;
	messages = 0;
	opaque = 0;

	constructor(seed: number) {
		this.#next = numbersFrom(seed);
		const emit = (exchange: Exchange): void => {
			this.#keep(exchange);
			(exchange as Exchange & { release(): void }).release();
		};
		this.#engine = new Engine({}, [http1, websocket], emit, (_plugin, error) => {
			this.#failure ??= error;
		});
		this.#source = this.#engine.addSource("fuzz", "fuzz");
	}

	one(): void {
		const pieces = this.#broken();
		const whole = this.#run(pieces, () => Number.POSITIVE_INFINITY, false);
		const wasOpaque = this.#isOpaque;
		const split = this.#run(pieces, () => 1 + (this.#next() % MAX_PIECE), false);
		// where it gives up depends on how much the other direction had said
		if (!wasOpaque && !this.#isOpaque && whole.join("\n") !== split.join("\n"))
			throw new Error(`whole:\n${whole.join("\n")}\nin pieces:\n${split.join("\n")}\n${shown(pieces)}`);
		this.#run(pieces, () => 1 + (this.#next() % (4 * MAX_PIECE)), true);
		if (this.#isOpaque) this.opaque++;
	}

	#keep({ kind, id, outcome, flags, summary, request, response, annotations }: Exchange): void {
		if (kind === "connection") {
			if (annotations["polytap.opaque.reason"] !== undefined) this.#isOpaque = true;
			return;
		}
		this.messages++;
		const { bytes, attributes, body } = (request ?? response)!;
		const about = [
			id,
			kind,
			outcome,
			flags.join(),
			summary.operation,
			summary.result,
			bytes,
			JSON.stringify(attributes),
		];
		this.#said.push(`${about.join("|")}|${body.bytes}|${body.completeness}|${String(body.data)}`);
	}

	#run(pieces: readonly Piece[], size: () => number, hasHoles: boolean): string[] {
		this.#said = [];
		this.#isOpaque = false;
		const at: [number, number] = [0, 0];
		this.#feed({
			kind: "open",
			conn: 1,
			tsUs: this.#nowUs,
			transport: "tcp",
			client: { address: "192.0.2.1", port: 50_000 },
			server: { address: "192.0.2.2", port: 80 },
			role: "server",
			roleKnown: true,
			bases: [100, 200],
			fromStart: true,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
		});
		for (const { dir, bytes } of pieces)
			for (let from = 0; from < bytes.length; ) {
				const data = bytes.subarray(from, Math.min(bytes.length, from + size()));
				const [conn, tsUs, offset] = [1, ++this.#nowUs, at[dir]];
				if (hasHoles && this.#next() % 40 === 0)
					this.#feed({ kind: "gap", conn, dir, tsUs, offset, length: data.length, cause: "ring-full", isFinal: true });
				else this.#feed({ kind: "bytes", conn, dir, tsUs, offset, data });
				at[dir] += data.length;
				from += data.length;
			}
		for (const dir of [0, 1] as const)
			this.#feed({ kind: "end", conn: 1, dir, tsUs: this.#nowUs, finalOffset: at[dir], how: "fin" });
		this.#feed({ kind: "close", conn: 1, tsUs: this.#nowUs });
		this.#nowUs += 10_000_000;
		this.#engine.tick(this.#nowUs);
		if (this.#failure !== null) throw new Error(shown(pieces), { cause: this.#failure });
		return this.#said.sort();
	}

	#feed(event: CaptureEvent): void {
		this.#engine.ingest(this.#source, [event], this.#nowUs);
	}

	#broken(): Piece[] {
		const next = this.#next;
		const pieces = [...scripts[next() % scripts.length]!];
		const other = scripts[next() % scripts.length]!;
		for (let changes = 1 + (next() % 4); changes > 0; changes--) {
			// the handshake seldom: what is behind it is what this is about
			const first = next() % 16 === 0 ? 0 : HANDSHAKE;
			const at = first + (next() % (pieces.length - first));
			const { dir, bytes } = pieces[at]!;
			const mutation = { kind: next() % MUTATION_KINDS, place: (next() % 10_000) / 10_000, value: next() };
			const spliced = other[next() % other.length]!.bytes;
			pieces[at] = { dir, bytes: Uint8Array.from(mutate(bytes, spliced, [mutation])) };
		}
		return pieces;
	}
}

function shown(pieces: readonly Piece[]): string {
	return pieces.map(({ dir, bytes }) => `${dir} ${Buffer.from(bytes).toString("hex")}`).join("\n");
}

const inputs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const fuzz = new Fuzz(seed);
const startMs = performance.now();
for (let done = 0; done < inputs; done++) fuzz.one();
const seconds = (performance.now() - startMs) / 1000;
const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0);
console.log(
	`${inputs} inputs, seed ${seed}, ${fuzz.messages} messages, ${fuzz.opaque} opaque, ${seconds.toFixed(1)} s, peak RSS ${rss} MiB`,
);
