import {
	type Attributes,
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserOutput,
} from "../../core/index.js";
import { AbsentStreams, ANSWER, type Overtaker, type Refusal } from "./absent-streams.js";
import type { KnownBlock } from "./block-memory.js";
import { type Flow, StreamFlow } from "./flow.js";
import { errorName } from "./frames.js";
import { type Http2Head, pathHead, SMUGGLING } from "./head.js";
import { Half, Http2Stream } from "./stream.js";
import { childProtocol, tunnelHints } from "./tunnel.js";
import { UsedNumbers } from "./used-numbers.js";

/** Streams that are open at once; no server allows as many. */
const MAX_STREAMS = 8192;
/** Open streams that are told of something which concerned the connection. */
const MAX_TOUCHED = 64;

/** The streams of one connection, and the messages on them. */
export class Streams {
	count = 0;
	resets = 0;
	evicted = 0;
	pushes = 0;
	/** Heads on streams of the client whose numbers were used before. */
	reused = 0;
	/** Of the client: the highest that was seen. Responses to higher ones wait for their requests. */
	newestRequest = 0;
	readonly #open = new Map<number, Http2Stream>();
	readonly #absent = new AbsentStreams();
	/** Streams whose request began. */
	readonly #asked = new UsedNumbers();
	/** Streams whose response is over. */
	readonly #answered = new UsedNumbers();
	readonly #flow: Flow;

	constructor(flow: Flow) {
		this.#flow = flow;
	}

	find(id: number): Http2Stream | null {
		return this.#open.get(id) ?? null;
	}

	*flows(): IterableIterator<StreamFlow | null> {
		for (const stream of this.#open.values()) yield stream.flow;
	}

	isReset(id: number): boolean {
		return this.#absent.isReset(id);
	}

	/** A block of fields: a request, an interim response, a response, or trailers. Its frames are `at` to `end`. */
	fields(
		dir: Direction,
		id: number,
		block: KnownBlock | null,
		isLast: boolean,
		at: number,
		end: number,
		out: ParserOutput,
	): void {
		const isBehind = dir === 0 && id < this.newestRequest;
		if (dir === 0 && id > this.newestRequest) this.newestRequest = id;
		let stream = this.#open.get(id) ?? null;
		const overtaker = dir === 0 && stream?.request == null ? this.#absent.take(id) : null;
		const isOvertaken = overtaker === ANSWER;
		const half = isOvertaken ? Half.idle : (stream?.half(dir) ?? Half.idle);
		if (half !== Half.open && block?.isHead !== false && this.#isReused(dir, id, isBehind)) return;
		if (half === Half.closed || this.#absent.isReset(id)) return;
		if (stream !== null && half === Half.open) {
			this.#trailers(stream, dir, block, isLast, end, end - at, out);
			return;
		}
		if (block !== null && !block.isHead) {
			// trailers of a message whose head nobody saw
			if (dir === 1 && isLast) this.#answerLost(id, out);
			return;
		}
		if (stream === null) {
			stream = this.#add(id, out);
			if (isOvertaken) stream.responseHalf = Half.closed;
			else if (dir === 1) {
				// nobody waits for what it answers; should that come after all, it is told apart
				stream.requestHalf = Half.closed;
				this.#overtake(id, ANSWER);
			}
		}
		const isPushed = dir === 1 && stream.isPush;
		const writer =
			stream.response !== null && dir === 1
				? stream.response
				: out.begin(at, id, isPushed ? "message" : "exchange", stream.parent);
		writer.wireBytes(end - at);
		if (isOvertaken) {
			writer.flag("overtaken");
			out.settle("partial", id);
		}
		if (dir === 0) {
			stream.request = writer;
			this.#asked.add(id);
		} else stream.response = writer;
		if (block === null) {
			writer.flag("header-block-lost");
			writer.head(LOST_HEAD);
			stream.setHalf(dir, Half.open);
			if (isLast) this.finish(stream, dir, end);
			if (overtaker !== null && overtaker !== ANSWER) this.#refuse(stream, overtaker, out);
			return;
		}
		const head = dir === 0 ? block.request : isPushed ? pushedHead(stream, block) : block.response;
		if (block.isCut) writer.flag("headers-cut");
		for (const flag of head.flags) writer.flag(flag);
		if (dir === 1 && head.status >= 100 && head.status < 200 && !isLast) {
			writer.interim(head, at);
			return;
		}
		writer.head(head);
		stream.setHalf(dir, Half.open);
		const us = out.timeAt(at);
		if (dir === 0) {
			stream.requestHead = head;
			stream.requestUs = us;
			if (head.method === "CONNECT" && !isLast && !isOvertaken) stream.child = out.child(id);
		} else {
			stream.responseHead = head;
			stream.responseUs = us;
			if (stream.child !== null && this.#opensTunnel(stream, head, end, isLast)) return;
		}
		if (head.coding !== null) writer.contentEncoding(head.coding);
		if (head.mediaType !== null) writer.contentType(head.mediaType);
		if (isLast) this.finish(stream, dir, end);
		if (overtaker !== null && overtaker !== ANSWER) this.#refuse(stream, overtaker, out);
	}

	/** Stream 1 answers a request of HTTP/1.1 that asked to go on in HTTP/2 (RFC 7540, section 3.2). */
	upgraded(path: string | null, parent: string | null): void {
		const stream = new Http2Stream(1);
		this.newestRequest = 1;
		this.#asked.add(1);
		this.count = 1;
		stream.isPush = true;
		stream.requestHalf = Half.closed;
		stream.requestHead = path === null ? null : pathHead(path);
		if (parent !== null) stream.parent = parent;
		this.#open.set(1, stream);
	}

	/** A PUSH_PROMISE: the response to a request that the server made up. */
	promise(id: number, promised: number, block: KnownBlock | null, out: ParserOutput): void {
		this.pushes++;
		if (this.#open.has(promised)) return;
		const carrier = this.#open.get(id) ?? null;
		const stream = this.#add(promised, out);
		stream.isPush = true;
		stream.requestHalf = Half.closed;
		stream.requestHead = block?.request ?? null;
		stream.parent = (carrier?.request ?? carrier?.response)?.id;
	}

	/** Payload bytes `from` to `to` of a stream's DATA, `index` the same of the call. */
	data(stream: Http2Stream, dir: Direction, bytes: Uint8Array, from: number, to: number): void {
		if (stream.child !== null) {
			stream.child.data(bytes, from, to);
			return;
		}
		const writer = stream.writer(dir);
		if (dir === 0) stream.requestBytes += to - from;
		else stream.responseBytes += to - from;
		if (writer === null) return;
		writer.wireBytes(to - from);
		writer.body(bytes, from, to);
	}

	gap(stream: Http2Stream, dir: Direction, length: number): void {
		if (stream.child !== null) {
			stream.child.gap(length);
			return;
		}
		const writer = stream.writer(dir);
		if (dir === 0) stream.requestBytes += length;
		else stream.responseBytes += length;
		writer?.wireBytes(length);
		writer?.bodyGap(length);
	}

	/** A DATA frame of a stream that is over, or of none that is known: the connection's window is used all the same. */
	strayFrame(dir: Direction, length: number, tsUs: number): void {
		this.#flow.data(dir, null, 0, length, tsUs);
	}

	/** A DATA frame begins: flow control counts all of it. */
	frame(stream: Http2Stream, dir: Direction, length: number, isLast: boolean, tsUs: number): void {
		stream.writer(dir)?.wireBytes(FRAME_HEAD);
		if (!this.#flow.isKnown) return;
		if (!isLast || this.#flow.hasStalled(dir)) stream.flow ??= new StreamFlow();
		const { flow } = stream;
		if (!this.#flow.data(dir, flow, dir === 0 ? stream.requestUs : stream.responseUs, length, tsUs)) return;
		const { count, us, limitedBy } = flow!.waits[dir];
		const name = `http2.flow_control.${dir === 0 ? "request" : "response"}`;
		const writer = stream.request ?? stream.response;
		writer?.annotate({
			[`${name}.stalls`]: count,
			[`${name}.stalled_us`]: us,
			[`${name}.limited_by`]: limitedBy,
		});
	}

	/** END_STREAM of a stream that is known, or of one of which only the request is. */
	finish(stream: Http2Stream, dir: Direction, index: number): void {
		if (stream.half(dir) === Half.closed) return;
		this.#close(stream, dir);
		if (stream.child !== null) {
			stream.child.end(dir, "fin");
			if (stream.isOver) this.#remove(stream);
			return;
		}
		const writer = stream.writer(dir);
		const head = dir === 0 ? stream.requestHead : stream.responseHead;
		const bytes = dir === 0 ? stream.requestBytes : stream.responseBytes;
		if (writer !== null && head !== null && head.contentLength >= 0 && head.contentLength !== bytes) {
			const hasNone = dir === 1 && (head.status === 304 || stream.requestHead?.method === "HEAD");
			if (!hasNone) writer.flag(SMUGGLING);
		}
		writer?.finish(index, dir === 1 && head !== null && head.status >= 400 ? "error" : "ok");
		if (stream.isOver) this.#remove(stream);
	}

	/** The end of a response whose head is missing. */
	endUnknown(dir: Direction, id: number, out: ParserOutput): void {
		const stream = this.#open.get(id);
		if (stream !== undefined) {
			this.#close(stream, dir);
			if (stream.isOver) this.#remove(stream);
		}
		if (dir === 1) this.#answerLost(id, out);
	}

	/** RST_STREAM, sent in `dir`; its frame ends at `end`. */
	reset(dir: Direction, id: number, code: number, end: number, out: ParserOutput): void {
		this.resets++;
		const stream = this.#open.get(id);
		const reason = {
			"http2.reset.error_code": errorName(code),
			"http2.reset.by": dir === 0 ? "client" : "server",
		};
		if (stream === undefined) {
			if (!out.settle("aborted", id) && dir === 1 && this.#overtake(id, { code, reason, isReset: true })) return;
			this.#absent.reset(id);
			return;
		}
		this.#absent.reset(id);
		this.#giveUp(stream, dir, code, end, out, reason);
	}

	/** GOAWAY, sent in `dir`: requests beyond `last` were not looked at. */
	goaway(dir: Direction, last: number, code: number, out: ParserOutput): void {
		const reason = { "http2.goaway.error_code": errorName(code), "http2.goaway.by": dir === 0 ? "client" : "server" };
		let touched = 0;
		if (dir === 1) this.#absent.goneAfter(last, { code, reason, isReset: false });
		for (const stream of this.#open.values()) {
			const isUnseen = (stream.id & 1) === (dir === 1 ? 1 : 0) && stream.id > last;
			if (isUnseen) this.#giveUp(stream, dir, code, -1, out, reason);
			else if (code !== 0 && touched++ < MAX_TOUCHED) this.#annotate(stream, reason);
		}
	}

	/** Something about the connection that concerned what was open. */
	touch(attributes: Attributes): void {
		let touched = 0;
		for (const stream of this.#open.values()) {
			if (touched++ >= MAX_TOUCHED) return;
			this.#annotate(stream, attributes);
		}
	}

	/** Everything of a direction that was open is cut; the engine has ended its messages. */
	lost(dir: Direction): void {
		for (const stream of this.#open.values()) {
			if (stream.child !== null || stream.half(dir) !== Half.open) continue;
			this.#close(stream, dir);
			if (stream.isOver) this.#remove(stream);
		}
	}

	/** What was taken for messages of a direction cannot be trusted to go on. */
	cut(dir: Direction): void {
		for (const stream of this.#open.values()) {
			if (stream.child !== null || stream.half(dir) !== Half.open) continue;
			const writer = stream.writer(dir);
			writer?.flag("frames-lost");
			writer?.abandon("aborted");
		}
		this.lost(dir);
	}

	// ------------------------------------------------------------------------------------------------------ inside

	/**
	 * A number may not be used again, and is used up by a greater one (RFC 9113, section 5.1.1): what is said then belongs to
	 * nothing.
	 */
	#isReused(dir: Direction, id: number, isBehind: boolean): boolean {
		if ((id & 1) === 0 || !(isBehind || (dir === 0 ? this.#asked : this.#answered).has(id))) return false;
		this.reused++;
		return true;
	}

	#close(stream: Http2Stream, dir: Direction): void {
		stream.setHalf(dir, Half.closed);
		if (dir === 1 && (stream.id & 1) === 1) this.#answered.add(stream.id);
	}

	#trailers(
		stream: Http2Stream,
		dir: Direction,
		block: KnownBlock | null,
		isLast: boolean,
		end: number,
		wireBytes: number,
		_out: ParserOutput,
	): void {
		const writer = stream.writer(dir);
		writer?.wireBytes(wireBytes);
		if (block === null) writer?.flag("header-block-lost");
		else if (stream.child === null) {
			writer?.trailers(block.trailers);
			if (block.hasUnknown) writer?.flag("headers-unknown");
		}
		// a block that neither begins nor ends a message is malformed (RFC 9113, section 8.1)
		if (isLast) this.finish(stream, dir, end);
		else writer?.flag("malformed-headers");
	}

	#opensTunnel(stream: Http2Stream, head: Http2Head, end: number, isLast: boolean): boolean {
		const { child, request, response, requestHead } = stream;
		if (child === null || request === null || response === null || requestHead === null) return false;
		if (head.status < 200 || head.status >= 300 || isLast) {
			child.end(0, "unknown");
			child.end(1, "unknown");
			stream.child = null;
			return false;
		}
		const { id } = request;
		response.finish(end, "ok");
		request.abandon("ok");
		child.start(childProtocol(requestHead), tunnelHints(requestHead, head), id);
		return true;
	}

	#giveUp(stream: Http2Stream, dir: Direction, code: number, end: number, out: ParserOutput, reason: Attributes): void {
		this.#annotate(stream, reason);
		if (stream.child !== null) {
			stream.child.end(0, "reset");
			stream.child.end(1, "reset");
		}
		// a server that has answered in full may ask for no more of the request (RFC 9113, section 8.1)
		const isEnough = code === 0 && dir === 1 && stream.responseHalf === Half.closed;
		for (const each of BOTH) {
			if (stream.half(each) !== Half.open) continue;
			const writer = stream.writer(each);
			if (isEnough) writer?.abandon("ok");
			else if (each === dir && end >= 0) writer?.finish(end, "aborted");
			else writer?.abandon("aborted");
		}
		// begun by interim responses alone
		if (stream.responseHalf === Half.idle) stream.response?.abandon("aborted");
		out.settle("aborted", stream.id);
		this.#remove(stream);
	}

	#answerLost(id: number, out: ParserOutput): void {
		if (!out.settle("partial", id)) this.#overtake(id, ANSWER);
	}

	/** Of a stream of the client that is not known. False: its request would have been seen by now. */
	#overtake(id: number, overtaker: Overtaker): boolean {
		if ((id & 1) === 0 || id <= this.newestRequest) return false;
		this.#absent.overtake(id, overtaker);
		return true;
	}

	/** The server wants nothing of this request. */
	#refuse(stream: Http2Stream, { code, reason, isReset }: Refusal, out: ParserOutput): void {
		if (isReset) this.#absent.reset(stream.id);
		this.#giveUp(stream, 1, code, -1, out, reason);
	}

	#annotate(stream: Http2Stream, attributes: Attributes): void {
		const writer: MessageWriter | null = stream.request ?? stream.response;
		writer?.annotate(attributes);
	}

	#add(id: number, out: ParserOutput): Http2Stream {
		this.count++;
		const stream = new Http2Stream(id);
		this.#open.set(id, stream);
		if (this.#open.size > MAX_STREAMS) this.#evict(out);
		return stream;
	}

	#evict(out: ParserOutput): void {
		const oldest = this.#open.values().next().value;
		if (oldest === undefined) return;
		this.evicted++;
		(oldest.request ?? oldest.response)?.flag("stream-cap");
		this.#giveUp(oldest, 0, -1, -1, out, {});
	}

	#remove(stream: Http2Stream): void {
		this.#open.delete(stream.id);
	}
}

/** The response tells nothing of what it answers: the promise does. */
function pushedHead(stream: Http2Stream, block: KnownBlock): Http2Head {
	const { response } = block;
	const { requestHead } = stream;
	return requestHead === null ? response : response.withRequest(requestHead);
}

const FRAME_HEAD = 9;
const BOTH = [0, 1] as const;
const LOST_HEAD = new MessageHead("<unknown>", { "network.protocol.version": "2" }, []);
