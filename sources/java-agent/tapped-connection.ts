import { isIP } from "node:net";
import {
	type Attributes,
	type CaptureEvent,
	type Direction,
	type Endpoint,
	type GapCause,
	type ProcessIdentity,
	tlsVersionOf,
} from "../../core/index.js";
import type { BridgeCounters } from "./counters.js";
import type { OpenParams, Row } from "./protocol.js";

/** What waits for a connection's addresses. */
const MAX_UNBOUND_BYTES = 1_048_576;
const NO_ATTRIBUTES = {};
const FOREVER = Number.MAX_SAFE_INTEGER;

export interface JvmFacts {
	readonly process: ProcessIdentity | null;
	readonly netns: number | null;
	/** Other JVMs of the same network namespace have an agent. */
	readonly hasNeighbours: () => boolean;
}

interface Ends {
	readonly l: readonly [string, number];
	readonly r: readonly [string, number];
	readonly fd?: number | undefined;
}

/** Side of the application: what it sends, what it receives. */
type Side = 0 | 1;

/** One connection in a JVM: turns what the agent says about it into capture events. */
export class TappedConnection {
	/** The engine's number. */
	readonly conn: number;
	readonly role: "client" | "server";
	/** Told again since the agent came back. */
	isAnnounced = true;
	readonly #facts: JvmFacts;
	readonly #counters: BridgeCounters;
	readonly #open: OpenParams;
	/** Positions after what was told, sent and received. */
	readonly #next: [number, number];
	/** Ciphertext up to the last row that told, and plaintext since then. */
	readonly #cipherEnd: [number, number] = [0, 0];
	readonly #plainSince: [number, number] = [0, 0];
	/** Null when the addresses are known and the engine has heard of it. */
	#unbound: { events: CaptureEvent[]; bytes: number } | null = { events: [], bytes: 0 };
	/** For what is sent next. */
	#pending: Attributes | null = null;

	constructor(conn: number, open: OpenParams, facts: JvmFacts, counters: BridgeCounters) {
		this.conn = conn;
		this.role = open.role;
		this.#open = open;
		this.#facts = facts;
		this.#counters = counters;
		this.#next = [open.offsets[0], open.offsets[1]];
	}

	/** Its addresses are known. Nothing happens where they were known before. */
	bind({ l: local, r: remote, fd }: Ends, tsUs: number, out: CaptureEvent[]): void {
		const held = this.#unbound;
		const near = endpointOf(local);
		const far = endpointOf(remote);
		if (held === null || near === null || far === null) return;
		const [client, server] = this.role === "client" ? [near, far] : [far, near];
		const { conn } = this;
		const { process, netns, hasNeighbours } = this.#facts;
		const layer = this.#open.tls === null ? "transport" : "plaintext";
		out.push({
			kind: "open",
			conn,
			tsUs: held.events[0] !== undefined && "tsUs" in held.events[0] ? held.events[0].tsUs : tsUs,
			transport: "tcp",
			client,
			server,
			role: this.role,
			roleKnown: true,
			bases: null,
			fromStart: this.#open.fromStart,
			netns,
			process,
			layer,
			lower: null,
			// a cold JVM may tell seconds after the other one
			expects: this.#open.fromStart && isOneHost(near, far) && hasNeighbours() ? "both-ends" : "this-end",
		});
		const attributes = tlsAttributes(this.#open, fd);
		for (const dir of [0, 1] as const)
			out.push({ kind: "annotate", conn, dir, fromOffset: 0, toOffset: FOREVER, attributes });
		for (const event of held.events) out.push(event);
		this.#unbound = null;
	}

	/** True where the positions fit to what was told before. */
	row(
		row: Row,
		payload: Uint8Array,
		tsUs: number,
		thread: Attributes | null,
		context: Attributes | null,
		out: CaptureEvent[],
	): boolean {
		const side = row[1] as Side;
		const offset = row[2];
		if (offset < this.#next[side]) return false;
		const to = this.#unbound === null ? out : this.#unbound.events;
		if (offset > this.#next[side]) this.#hole(side, offset, "ring-full", tsUs, to);
		const dir = this.#direction(side);
		const { conn } = this;
		const toOffset = offset + payload.length;
		// the thread that writes is the one that works on it, at either end
		const isOut = side === 0;
		let attributes = context;
		if (isOut && thread !== null) attributes = attributes === null ? thread : { ...thread, ...attributes };
		if (isOut && this.#pending !== null) {
			attributes = { ...attributes, ...this.#pending };
			this.#pending = null;
		}
		const lowerRange = this.#lowerRange(side, row[5], payload.length);
		if (lowerRange !== null) {
			const known = attributes === null ? NO_ATTRIBUTES : asFlat(attributes);
			to.push({ kind: "annotate", conn, dir, fromOffset: offset, toOffset, attributes: known, lowerRange });
		} else if (attributes !== null)
			to.push({ kind: "annotate", conn, dir, fromOffset: offset, toOffset, attributes: asFlat(attributes) });
		to.push({ kind: "bytes", conn, dir, offset, tsUs, data: payload });
		this.#next[side] = toOffset;
		this.#counters.bytes += payload.length;
		this.#counters.bytesSeen += payload.length;
		if (this.#unbound !== null) this.#limitUnbound(payload.length, out);
		return true;
	}

	/** True where the positions fit to what was told before. */
	gap(side: Side, offset: number, length: number, cause: GapCause, tsUs: number, out: CaptureEvent[]): boolean {
		if (offset < this.#next[side]) return false;
		const to = this.#unbound === null ? out : this.#unbound.events;
		if (offset > this.#next[side]) this.#hole(side, offset, "ring-full", tsUs, to);
		this.#hole(side, offset + length, cause, tsUs, to);
		return true;
	}

	/** The agent is back: what passed meanwhile is missing. False where the positions go back. */
	resume(offsets: readonly [number, number], tsUs: number, out: CaptureEvent[]): boolean {
		const to = this.#unbound === null ? out : this.#unbound.events;
		for (const side of [0, 1] as const) {
			const offset = offsets[side];
			if (offset < this.#next[side]) return false;
			if (offset > this.#next[side]) this.#hole(side, offset, "source-lost", tsUs, to);
		}
		this.isAnnounced = true;
		return true;
	}

	annotateNext(attributes: Attributes): void {
		this.#pending = { ...this.#pending, ...attributes };
	}

	/** `final` null: nobody knows where it ended. */
	close(
		final: readonly [number, number] | null,
		how: "fin" | "reset" | "unknown",
		tsUs: number,
		out: CaptureEvent[],
	): void {
		if (this.#unbound !== null) {
			this.#loseUnbound(out);
			return;
		}
		const { conn } = this;
		for (const side of [0, 1] as const) {
			const end = final === null ? null : Math.max(final[side], this.#next[side]);
			if (end !== null && end > this.#next[side]) this.#hole(side, end, "ring-full", tsUs, out);
			out.push({ kind: "end", conn, dir: this.#direction(side), tsUs, finalOffset: end ?? this.#next[side], how });
		}
		out.push({ kind: "close", conn, tsUs });
	}

	/**
	 * Where the ciphertext of this row, and of those before it that did not tell, lies in the stream below. It is at least as
	 * long as the plaintext; what came before that was a handshake.
	 */
	#lowerRange(side: Side, cipherEnd: number, length: number): readonly [number, number] | null {
		const base = this.#open.cipherBase === undefined ? 0 : this.#open.cipherBase[side];
		this.#plainSince[side] += length;
		if (cipherEnd <= 0 || base === null || cipherEnd < this.#cipherEnd[side]) return null;
		const from = Math.max(this.#cipherEnd[side], cipherEnd - this.#plainSince[side]);
		this.#cipherEnd[side] = cipherEnd;
		this.#plainSince[side] = 0;
		return from < cipherEnd ? [base + from, base + cipherEnd] : null;
	}

	#direction(side: Side): Direction {
		return (side === 0) === (this.role === "client") ? 0 : 1;
	}

	#hole(side: Side, upTo: number, cause: GapCause, tsUs: number, out: CaptureEvent[]): void {
		const offset = this.#next[side];
		const length = upTo - offset;
		out.push({
			kind: "gap",
			conn: this.conn,
			dir: this.#direction(side),
			tsUs,
			offset,
			length,
			cause,
			isFinal: true,
		});
		this.#next[side] = upTo;
		this.#counters.bytesSeen += length;
	}

	#limitUnbound(bytes: number, out: CaptureEvent[]): void {
		const held = this.#unbound;
		if (held === null) return;
		held.bytes += bytes;
		if (held.bytes > MAX_UNBOUND_BYTES) this.#loseUnbound(out);
	}

	/** Bytes of which nobody knows to which connection they belong. */
	#loseUnbound(out: CaptureEvent[]): void {
		const held = this.#unbound;
		if (held === null || held.bytes === 0) return;
		out.push({ kind: "loss", bytes: held.bytes, events: held.events.length, cause: "unjoined" });
		held.events = [];
		held.bytes = 0;
	}
}

/** Null where it is no address. */
export function endpointOf([text, port]: readonly [string, number]): Endpoint | null {
	const bare = text.split("%")[0] ?? "";
	const family = isIP(bare);
	if (family === 0) return null;
	if (family === 4) return { address: bare, port };
	// the URL standard writes IPv6 as RFC 5952 does
	const address = new URL(`http://[${bare}]`).hostname.slice(1, -1);
	const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
	if (mapped === null) return { address, port };
	const [a, b] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
	return { address: `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`, port };
}

/** Both ends are on this host, and in one network namespace. */
function isOneHost(near: Endpoint, far: Endpoint): boolean {
	return near.address === far.address || far.address.startsWith("127.") || far.address === "::1";
}

function tlsAttributes({ tls }: OpenParams, fd: number | undefined): Record<string, string | number | boolean> {
	const attributes: Record<string, string | number | boolean> = {};
	if (fd !== undefined && fd >= 0) attributes["java.socket.fd"] = fd;
	if (tls === null) return attributes;
	if (tls.provider !== undefined) attributes["java.tls.provider"] = tls.provider;
	if (tls.version !== undefined) {
		attributes["tls.protocol.name"] = "tls";
		attributes["tls.protocol.version"] = tlsVersionOf(tls.version);
	}
	if (tls.cipher !== undefined) attributes["tls.cipher"] = tls.cipher;
	if (tls.alpn) attributes["tls.next_protocol"] = tls.alpn;
	if (tls.serverName) attributes["tls.client.server_name"] = tls.serverName;
	return attributes;
}

function asFlat(attributes: Attributes): Record<string, string | number | boolean> {
	return attributes as Record<string, string | number | boolean>;
}
