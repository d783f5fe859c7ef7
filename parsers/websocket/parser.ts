import { isUtf8 } from "node:buffer";
import {
	type Direction,
	InflateMemory,
	type ParserContext,
	type ParserOutput,
	type ProtocolParser,
} from "../../core/index.js";
import { isOrderly, mayBeCloseCode } from "./close.js";
import { Decompression } from "./decompression.js";
import { extensionsOf } from "./extensions.js";
import {
	FIN,
	headBytes,
	isControl,
	isKnown,
	isMinimal,
	MASKED,
	MAX_CONTROL,
	Opcode,
	payloadLength,
	RESERVED,
	RSV1,
} from "./frame.js";
import { FrameSearch } from "./frame-search.js";
import { Heads } from "./heads.js";
import { Incoming } from "./incoming.js";
import { Lane } from "./lane.js";
import { Pings } from "./pings.js";
import { Unmasking } from "./unmasking.js";

/** What a step says where it came no further. */
const INCOMPLETE = -1;

/** One WebSocket connection from behind its handshake on (RFC 6455). */
export class WebSocketParser implements ProtocolParser {
	/** Compression was agreed on, or nobody knows. */
	readonly #mayCompress: boolean;
	readonly #lanes: readonly [Lane, Lane];
	readonly #compression: readonly [Decompression, Decompression];
	readonly #heads: Heads;
	readonly #unmasking: Unmasking;
	readonly #pings = new Pings();
	#isStopped = false;

	constructor({ handover, shared }: ParserContext) {
		const { deflate, isUnknown } = extensionsOf(handover);
		const path = handover?.["url.path"];
		this.#heads = new Heads(typeof path === "string" ? path : null);
		let unmasking = shared.get("unmasking");
		if (!(unmasking instanceof Unmasking)) shared.set("unmasking", (unmasking = new Unmasking()));
		this.#unmasking = unmasking as Unmasking;
		let memory = shared.get("inflate");
		if (!(memory instanceof InflateMemory)) shared.set("inflate", (memory = new InflateMemory()));
		const inflate = memory as InflateMemory;
		this.#compression = [
			new Decompression(inflate, deflate?.[0] ?? null),
			new Decompression(inflate, deflate?.[1] ?? null),
		];
		this.#mayCompress = deflate !== null || isUnknown;
		this.#lanes = [new Lane(new FrameSearch(0, this.#mayCompress)), new Lane(new FrameSearch(1, this.#mayCompress))];
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const lane = this.#lanes[dir];
		const { length } = bytes;
		let at = 0;
		while (at < length && !this.#isStopped) {
			const { current } = lane;
			if (current === null) {
				const next = this.#frame(lane, dir, bytes, at, out);
				if (next === INCOMPLETE) return at;
				at = next;
				continue;
			}
			const to = Math.min(length, at + lane.left);
			lane.pass(current, bytes, at, to, this.#unmasking);
			at = to;
			if (lane.left === 0) this.#endFrame(lane, current, at);
		}
		return at;
	}

	gap(dir: Direction, length: number | null, _out: ParserOutput): boolean {
		const lane = this.#lanes[dir];
		const { current } = lane;
		if (current === null || length === null || length > lane.left) return false;
		current.gap(length);
		if (current.isCounted) current.writer.wireBytes(length);
		lane.left -= length;
		lane.phase = (lane.phase + length) & 3;
		if (lane.left === 0) this.#endFrame(lane, current, length);
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		const lane = this.#lanes[dir];
		lane.reset();
		this.#compression[dir].lose();
		return lane.search.find(bytes);
	}

	end(dir: Direction, _how: "fin" | "reset" | "unknown", _out: ParserOutput): void {
		this.#compression[dir].lose();
	}

	// ------------------------------------------------------------------------------------------------------ frames

	#frame(lane: Lane, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const there = bytes.length - at;
		if (there < 2) return INCOMPLETE;
		const first = bytes[at]!;
		const second = bytes[at + 1]!;
		const head = headBytes(second);
		if (there < head) return INCOMPLETE;
		const length = payloadLength(bytes, at);
		if (length < 0) {
			this.#giveUp(out, "frame-too-long");
			return at;
		}
		const from = at + head;
		const opcode = first & 0x0f;
		const isControlFrame = isControl(opcode) && isKnown(opcode) && (first & FIN) !== 0 && length <= MAX_CONTROL;
		if (isControlFrame) {
			if (there < head + length) return INCOMPLETE;
			this.#control(lane, dir, bytes, at, from, length, out);
			return from + length;
		}
		const current = this.#messageOf(lane, dir, bytes, at, out);
		if (current.isCounted) current.writer.wireBytes(head);
		this.#blame(current, lane, dir, first, second, length);
		lane.start(bytes, at, from, length);
		lane.current = current;
		if (length === 0) this.#endFrame(lane, current, from);
		return from;
	}

	/** The message that a frame belongs to, begun where it is the first one. */
	#messageOf(lane: Lane, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): Incoming {
		const first = bytes[at]!;
		const opcode = first & 0x0f;
		const isFinal = (first & FIN) !== 0;
		if (opcode > Opcode.binary) {
			lane.isLastFrame = true;
			const message = this.#begin(dir, opcode, at, false, false, out);
			if (!isKnown(opcode)) message.blame("reserved-opcode");
			else message.blame(isFinal ? "control-too-long" : "control-fragmented");
			return message;
		}
		lane.isLastFrame = isFinal;
		const open = lane.message;
		if (opcode === Opcode.continuation && open !== null) {
			open.frames++;
			return open;
		}
		if (open !== null) {
			open.writer.flag("message-interrupted");
			open.writer.finish(at, "aborted");
		}
		const isCompressed = this.#isCompressed(first, opcode);
		const message = this.#begin(dir, opcode, at, isCompressed, !isFinal, out);
		lane.message = message;
		if (opcode !== Opcode.continuation) {
			if (opcode === Opcode.text && (isCompressed || (first & RESERVED) === 0)) message.checkText();
		} else if (lane.mayContinue) {
			message.beginIsLost(this.#mayCompress);
		} else message.blame("continuation-unexpected");
		lane.mayContinue = false;
		return message;
	}

	#begin(
		dir: Direction,
		opcode: number,
		at: number,
		isCompressed: boolean,
		isCounted: boolean,
		out: ParserOutput,
	): Incoming {
		const writer = out.begin(at, undefined, "message");
		writer.head(this.#heads.message(opcode, isCompressed));
		return new Incoming(writer, opcode, isCounted, isCompressed ? this.#compression[dir] : null);
	}

	#isCompressed(first: number, opcode: number): boolean {
		return opcode !== Opcode.continuation && (first & RESERVED) === RSV1 && this.#mayCompress;
	}

	#blame(message: Incoming, lane: Lane, dir: Direction, first: number, second: number, length: number): void {
		const isMasked = (second & MASKED) !== 0;
		const isCompression = message.isCompressed && message.frames === 1 && (first & RESERVED) === RSV1;
		if ((first & RESERVED) !== 0 && !isCompression) message.blame("reserved-bits");
		if (isMasked !== (dir === 0)) message.blame(isMasked ? "mask-unexpected" : "mask-missing");
		if (!isMinimal(second, length)) message.blame("length-not-minimal");
		if (lane.isClosing) message.blame("after-close");
	}

	#endFrame(lane: Lane, current: Incoming, index: number): void {
		lane.current = null;
		if (!lane.isLastFrame) return;
		if (lane.message === current) lane.message = null;
		current.finish(index, this.#heads);
	}

	// ------------------------------------------------------------------------------------------------ control frames

	#control(
		lane: Lane,
		dir: Direction,
		bytes: Uint8Array,
		at: number,
		from: number,
		length: number,
		out: ParserOutput,
	): void {
		lane.start(bytes, at, from, 0);
		const payload = bytes.slice(from, from + length);
		if (lane.isMasked) for (let i = 0; i < length; i++) payload[i]! ^= lane.key[i & 3]!;
		const opcode = bytes[at]! & 0x0f;
		const isOdd = (bytes[at]! & RESERVED) !== 0 || lane.isMasked !== (dir === 0) || lane.isClosing;
		if (opcode === Opcode.close) {
			this.#close(lane, dir, bytes, at, from, payload, out);
			return;
		}
		if (isOdd) out.count("websocket.malformed_control_frames");
		const text = Buffer.from(payload.buffer, 0, length).toString("latin1");
		if (opcode === Opcode.ping) this.#pings.ping(dir, text, out.timeAt(at), out);
		else this.#pings.pong(dir, text, out.timeAt(at), out);
	}

	/** Its body is the reason. */
	#close(
		lane: Lane,
		dir: Direction,
		bytes: Uint8Array,
		at: number,
		from: number,
		payload: Uint8Array,
		out: ParserOutput,
	): void {
		const { length } = payload;
		const code = length < 2 ? null : (payload[0]! << 8) | payload[1]!;
		const writer = out.begin(at, undefined, "message");
		writer.head(this.#heads.close(code));
		const message = new Incoming(writer, Opcode.close, false, null);
		this.#blame(message, lane, dir, bytes[at]!, bytes[at + 1]!, length);
		if (length === 1 || (code !== null && !mayBeCloseCode(code))) message.blame("bad-close-code");
		else if (!isOrderly(code)) message.fail();
		if (length > 2) {
			writer.body(payload, 2, length, from + 2);
			if (!isUtf8(payload.subarray(2))) message.blame("invalid-utf8");
		}
		message.finish(from + length, this.#heads);
		lane.isClosing = true;
	}

	#giveUp(out: ParserOutput, reason: string): void {
		this.#isStopped = true;
		for (const compression of this.#compression) compression.lose();
		out.opaque(reason);
	}
}
