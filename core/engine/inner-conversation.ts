import type { ChildStream } from "../content.js";
import type { Direction } from "../events.js";
import type { Attributes } from "../exchange.js";
import type { DetectHint } from "../plugin.js";
import type { CapturedExchange } from "./captured-exchange.js";
import type { MakeConversation } from "./children.js";
import type { Conversation } from "./conversation.js";
import type { ConversationOwner, EngineContext } from "./conversation-owner.js";
import type { ConnectionFacts, VantageFacts } from "./facts.js";
import type { ParserVoice } from "./parser-voice.js";

/**
 * A conversation in a logical stream. Its lanes count the stream's own bytes; each piece says how far that is from the
 * positions of the connection that carries it, so that ids, times and second copies are found by those.
 */
export class InnerConversation implements ChildStream, ConversationOwner {
	readonly conversation: Conversation;
	readonly rolesAreGuessed = false;
	readonly #outer: ConversationOwner;
	readonly #carrier: ParserVoice;
	readonly #onOver: () => void;
	#isOver = false;

	constructor(
		engine: EngineContext,
		outer: ConversationOwner,
		carrier: ParserVoice,
		tag: number,
		make: MakeConversation,
		onOver: () => void,
	) {
		this.#outer = outer;
		this.#carrier = carrier;
		this.#onOver = onOver;
		this.conversation = make(engine, this);
		this.conversation.holdInside(carrier, tag);
	}

	// ------------------------------------------------------------------------------------------- for the carrying parser

	data(bytes: Uint8Array, from: number, to: number, index = from): void {
		if (this.#isOver) return;
		const carrier = this.#carrier;
		const lane = this.conversation.lanes[carrier.dir];
		if (lane.endedHow !== null) return;
		const shift = index - from;
		for (let at = from; at < to; ) {
			const end = carrier.pieceEnd(at + shift, to + shift) - shift;
			const offset = Math.max(0, lane.offset);
			lane.shift = carrier.offsetAt(at + shift) - offset;
			const piece = new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at);
			if (lane.phase === "opaque") carrier.count("polytap.streams_opaque.bytes", end - at);
			this.conversation.bytes(lane, piece, offset, carrier.timeAt(at + shift));
			at = end;
		}
	}

	gap(length: number | null): void {
		if (this.#isOver) return;
		const { dir, gapCause } = this.#carrier;
		const lane = this.conversation.lanes[dir];
		if (lane.endedHow !== null) return;
		const offset = Math.max(0, lane.offset);
		lane.shift = this.#carrier.offsetAt(0) - offset;
		const tsUs = this.#carrier.timeAt(0);
		if (length === null) this.conversation.gapOfUnknownLength(lane, tsUs);
		else if (length > 0) this.conversation.gap(lane, offset, length, gapCause, tsUs);
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown"): void {
		this.endAt(dir, how, this.#carrier.timeAt(0));
	}

	start(protocol: string | null, hints: Attributes = {}, parent: string | null = null): void {
		if (!this.#isOver) this.conversation.startInside(protocol, hints, parent);
	}

	// -------------------------------------------------------------------------------------------- for whoever carries it

	lost(dir: Direction, tsUs: number): void {
		if (!this.#isOver && this.conversation.lanes[dir].endedHow === null)
			this.conversation.gapOfUnknownLength(this.conversation.lanes[dir], tsUs);
	}

	endAt(dir: Direction, how: "fin" | "reset" | "unknown", tsUs: number): void {
		if (this.#isOver) return;
		const { lanes } = this.conversation;
		this.conversation.end(lanes[dir], how, tsUs);
		if (lanes[0].endedHow !== null && lanes[1].endedHow !== null) this.finish(tsUs);
	}

	finish(tsUs: number): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.conversation.finish(tsUs);
		this.#onOver();
	}

	// ------------------------------------------------------------------------------------------------ for the conversation

	get facts(): ConnectionFacts {
		return this.#outer.facts;
	}

	get bases(): readonly [number, number] | null {
		return this.#outer.bases;
	}

	get primary(): VantageFacts {
		return this.#outer.primary;
	}

	hint(late: boolean): DetectHint {
		return { ...this.#outer.hint(late), alpn: null };
	}

	swapRoles(): void {}

	exchangeDone(exchange: CapturedExchange): void {
		this.#outer.exchangeDone(exchange);
	}
}
