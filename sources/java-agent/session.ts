import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { Attributes, CaptureEvent, z } from "../../core/index.js";
import type { Bridge } from "./bridge.js";
import { type FrameReader, Framing, type RawMessage } from "./framing.js";
import type { Jvm } from "./jvm.js";
import type { Peer } from "./peer.js";
import {
	boundParams,
	closeParams,
	GAP_REASONS,
	gapParams,
	initializeParams,
	LIMITS,
	METHODS,
	openParams,
	PROTOCOL_VERSION,
	RPC_ERRORS,
	type RpcProblem,
	semanticParams,
	statsParams,
	threadParams,
} from "./protocol.js";
import { readRows } from "./rows.js";

/** Answers that an agent does not read. */
const MAX_UNREAD_BYTES = 1_048_576;
const MAX_ATTRIBUTES = 32;
/** Clocks that differ by less are one clock, read at two times. */
const SAME_CLOCK_US = 5_000_000;

/** One connection of an agent: JSON-RPC in, capture events out. What it does wrong ends it and nothing else. */
export class Session implements FrameReader {
	jvm: Jvm | null = null;
	readonly #socket: Socket;
	readonly #peer: Peer;
	readonly #bridge: Bridge;
	readonly #framing: Framing;
	#isOver = false;
	#offsetUs = 0;
	/** Sent by the agent and not given back to it. */
	#outstanding = 0;
	#toGrant = 0;
	#errors = 0;
	readonly #startedMs: number;
	#lastMs: number;
	/** When the message that is still incomplete began; 0: none is. */
	#partialSinceMs = 0;

	constructor(socket: Socket, peer: Peer, bridge: Bridge) {
		this.#socket = socket;
		this.#peer = peer;
		this.#bridge = bridge;
		this.#framing = new Framing(this);
		this.#startedMs = bridge.nowMs();
		this.#lastMs = this.#startedMs;
	}

	get isOver(): boolean {
		return this.#isOver;
	}

	push(chunk: Buffer): void {
		if (this.#isOver) return;
		this.#lastMs = this.#bridge.nowMs();
		this.#framing.push(chunk);
		this.#partialSinceMs = this.#framing.isPartial ? this.#partialSinceMs || this.#lastMs : 0;
	}

	/** Looked at once a second. */
	age(nowMs: number): void {
		if (this.#isOver) return;
		if (this.jvm === null && nowMs - this.#startedMs > LIMITS.initializeTimeoutMs)
			this.onProblem("timeout", "no initialize came");
		else if (this.#partialSinceMs !== 0 && nowMs - this.#partialSinceMs > LIMITS.messageTimeoutMs)
			this.onProblem("timeout", "a message did not come to its end");
		else if (nowMs - this.#lastMs > LIMITS.idleTimeoutMs) this.onProblem("timeout", "the agent is silent");
	}

	onMessage(message: RawMessage, attachment: Uint8Array | null, lineBytes: number): boolean {
		this.#bridge.counters.messages++;
		const { method, id, params } = message;
		if (method === undefined) return true; // an answer to one of ours
		if (typeof method !== "string") return this.#refuse("request", "method is no text", id);
		if (id !== undefined && id !== null && typeof id !== "number" && typeof id !== "string")
			return this.#refuse("request", "id is neither number nor text", null);
		if (method === "data" && id === undefined) return this.#data(params, attachment, lineBytes);
		if (attachment !== null) return this.#refuse("params", `${method} has no attachment`, id);
		if (id !== undefined) this.#request(method, id, params ?? {});
		else this.#notification(method, params ?? {});
		return !this.#isOver;
	}

	/** Ends the session: says why, counts it, and lets go of the socket. */
	onProblem(problem: RpcProblem, detail: string): void {
		this.#refuse(problem, detail, null);
	}

	/** More may be sent. */
	grant(cost: number): void {
		this.#outstanding -= cost;
		this.#toGrant += cost;
		if (this.#isOver || this.#toGrant < this.#bridge.options.credit_bytes >> 2) return;
		this.#send({ method: "credit", params: { bytes: this.#toGrant } });
		this.#toGrant = 0;
	}

	end(): void {
		this.#isOver = true;
		this.#socket.destroy();
	}

	// --------------------------------------------------------------------------------------------------- messages

	#request(method: string, id: number | string | null, params: unknown): void {
		if (method === "initialize") this.#initialize(id, params);
		else if (this.jvm === null) this.#refuse("order", "initialize comes first", id);
		else if (method === "ping") this.#send({ id, result: {} });
		else this.#answerError("method", `there is no request ${method.slice(0, 64)}`, id);
	}

	#initialize(id: number | string | null, params: unknown): void {
		if (this.jvm !== null) {
			this.#refuse("order", "initialize came before", id);
			return;
		}
		const parsed = initializeParams.safeParse(params);
		if (!parsed.success) {
			this.#refuse("params", explain(parsed.error), id);
			return;
		}
		const { protocol, token, instance, pid, clock, caps } = parsed.data;
		const { options } = this.#bridge;
		if (protocol !== PROTOCOL_VERSION) this.#refuse("version", `this is version ${PROTOCOL_VERSION}`, id);
		else if (options.token !== undefined && !isSame(options.token, token ?? ""))
			this.#refuse("refused", "the token is not that of the config", id);
		else {
			const jvm = this.#bridge.admit(this, instance, pid, this.#peer, this.#socket);
			if (typeof jvm === "string") {
				this.#refuse(jvm === "too many JVMs" ? "limit" : "refused", jvm, id);
				return;
			}
			this.jvm = jvm;
			this.#offsetUs = this.#clockOffset(clock.kind, clock.nowUs);
			const attachments = caps?.attachments === true;
			this.#framing.allowsAttachments = attachments;
			const { maxLineBytes, maxAttachmentBytes, maxChunkBytes, maxRows } = LIMITS;
			this.#send({
				id,
				result: {
					protocol: PROTOCOL_VERSION,
					attachments,
					maxLineBytes,
					maxAttachmentBytes,
					maxChunkBytes,
					maxRows,
					creditBytes: options.credit_bytes,
					capture: this.#bridge.capture(),
				},
			});
		}
	}

	/** What is added to the agent's times. */
	#clockOffset(kind: "monotonic" | "wall", nowUs: number): number {
		const wallUs = Date.now() * 1000;
		if (kind === "wall") return 0;
		const own = this.#bridge.clock.offsetUs;
		// the same clock as ours, unless it runs in a time namespace of its own
		return Math.abs(nowUs + own - wallUs) < SAME_CLOCK_US ? own : wallUs - nowUs;
	}

	#notification(method: string, params: unknown): void {
		const { jvm } = this;
		if (jvm === null) {
			this.onProblem("order", "initialize comes first");
			return;
		}
		const out: CaptureEvent[] = [];
		const known = this.#tell(jvm, method, params, out);
		if (known) this.#bridge.outbox.push(out, 0, () => {});
		else if (!this.#isOver && !Object.hasOwn(METHODS, method)) this.#bridge.counters.notificationsUnknown++;
	}

	/** False where nothing came of it. */
	#tell(jvm: Jvm, method: string, params: unknown, out: CaptureEvent[]): boolean {
		const { options, counters } = this.#bridge;
		switch (method) {
			case "conn.open": {
				const open = this.#parsed(openParams, params);
				if (open === null) return false;
				const done = jvm.open(open, this.#timeOf(open.at), options.max_connections, out);
				if (!done) this.onProblem("params", `connection ${open.c} goes back`);
				return done;
			}
			case "conn.bound": {
				const bound = this.#parsed(boundParams, params);
				if (bound === null) return false;
				jvm.connection(bound.c)?.bind(bound, this.#bridge.nowUs(), out);
				return true;
			}
			case "conn.close": {
				const close = this.#parsed(closeParams, params);
				if (close === null) return false;
				jvm.close(close.c, close.final, close.how, this.#timeOf(close.at), out);
				return true;
			}
			case "conn.sync":
				jvm.synchronise(this.#bridge.nowUs(), out);
				return true;
			case "gap": {
				const gap = this.#parsed(gapParams, params);
				if (gap === null) return false;
				const { c, dir, offset, length, cause, at } = gap;
				const connection = jvm.connection(c);
				if (connection === null) {
					counters.rowsUnknown++;
					return true;
				}
				const side = dir === 0 ? 0 : 1;
				const fits = connection.gap(side, offset, length, GAP_REASONS[cause], this.#timeOf(at), out);
				if (!fits) this.onProblem("params", `positions of connection ${c} go back`);
				return fits;
			}
			case "thread": {
				const thread = this.#parsed(threadParams, params);
				if (thread === null) return false;
				const { i, name, id, virtual } = thread;
				jvm.threads.set(i, { "java.thread.name": name, "java.thread.id": id, "java.thread.virtual": virtual === true });
				return true;
			}
			case "semantic": {
				const semantic = this.#parsed(semanticParams, params);
				if (semantic === null) return false;
				const { attributes, ctx, c } = semantic;
				counters.semantics++;
				if (Object.keys(attributes).length > MAX_ATTRIBUTES) {
					this.onProblem("limit", `more than ${MAX_ATTRIBUTES} attributes`);
					return false;
				}
				if (ctx !== undefined && ctx !== 0) jvm.addContext(ctx, attributes);
				else if (c !== undefined) jvm.connection(c)?.annotateNext(attributes);
				return true;
			}
			case "stats": {
				const stats = this.#parsed(statsParams, params);
				if (stats === null) return false;
				this.#bridge.stats(jvm, stats.counters, stats.lastError ?? null);
				return true;
			}
			default:
				return false;
		}
	}

	#data(params: unknown, attachment: Uint8Array | null, lineBytes: number): boolean {
		const { jvm } = this;
		if (jvm === null) return this.#refuse("order", "initialize comes first", null);
		const read = readRows(params, attachment);
		if (typeof read === "string") return this.#refuse("params", read, null);
		const { rows, payload } = read;
		const { counters, outbox, options } = this.#bridge;
		const cost = payload.length + rows.length * LIMITS.rowCost;
		this.#outstanding += cost;
		if (this.#outstanding > options.credit_bytes + LIMITS.maxAttachmentBytes + lineBytes)
			return this.#refuse("limit", "more was sent than there was credit for", null);
		const out: CaptureEvent[] = [];
		let at = 0;
		for (const row of rows) {
			const length = row[6];
			const piece = payload.subarray(at, at + length);
			at += length;
			const connection = jvm.connection(row[0]);
			if (connection === null) {
				counters.rowsUnknown++;
				counters.bytesSeen += length;
				out.push({ kind: "loss", bytes: length, events: 1, cause: "unjoined" });
				continue;
			}
			const thread = row[4] === 0 ? null : (jvm.threads.get(row[4]) ?? null);
			const context: Attributes | null = jvm.context(row[7]);
			if (!connection.row(row, piece, this.#timeOf(row[3]), thread, context, out)) {
				outbox.push(out, cost, (given) => this.grant(given));
				return this.#refuse("params", `positions of connection ${row[0]} go back`, null);
			}
		}
		counters.rows += rows.length;
		outbox.push(out, cost, (given) => this.grant(given));
		return true;
	}

	// ---------------------------------------------------------------------------------------------------- answers

	#parsed<T>(schema: z.ZodType<T>, params: unknown): T | null {
		const parsed = schema.safeParse(params);
		if (parsed.success) return parsed.data;
		this.onProblem("params", explain(parsed.error));
		return null;
	}

	#timeOf(us: number): number {
		const time = Math.round(us + this.#offsetUs);
		return time >= 0 && time < LATEST_US ? time : this.#bridge.nowUs();
	}

	/** Says what is wrong and ends the session. */
	#refuse(problem: RpcProblem, detail: string, id: unknown): false {
		if (this.#isOver) return false;
		this.#isOver = true;
		this.#bridge.counters.refused(problem);
		this.#bridge.refusedSession(problem, detail, this.#peer);
		const answerId = typeof id === "number" || typeof id === "string" ? id : null;
		this.#socket.end(lineOf({ id: answerId, error: errorOf(problem, detail) }));
		// whoever does not read the reason is not waited for
		this.#socket.setTimeout(500, () => this.#socket.destroy());
		return false;
	}

	/** Says what is wrong with a request and goes on, so many times. */
	#answerError(problem: RpcProblem, detail: string, id: unknown): void {
		if (++this.#errors > LIMITS.maxErrors) {
			this.#refuse("limit", "too many requests with an error", id);
			return;
		}
		this.#bridge.counters.refused(problem);
		this.#send({ id, error: errorOf(problem, detail) });
	}

	#send(message: object): void {
		if (this.#isOver) return;
		this.#socket.write(lineOf(message));
		if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#refuse("limit", "answers are not read", null);
	}
}

/** The year 2200: beyond it somebody counts in another unit. */
const LATEST_US = 7_258_118_400_000_000;

function lineOf(message: object): string {
	return `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
}

function errorOf(problem: RpcProblem, detail: string): object {
	return { code: RPC_ERRORS[problem].code, message: problem, data: detail };
}

function explain(error: z.ZodError): string {
	const issue = error.issues[0];
	return issue === undefined ? "not as described" : `${issue.path.join(".")}: ${issue.message}`.slice(0, 300);
}

/** Takes the same time whatever differs. */
function isSame(a: string, b: string): boolean {
	const digest = (text: string) => createHash("sha256").update(text).digest();
	return timingSafeEqual(digest(a), digest(b));
}
