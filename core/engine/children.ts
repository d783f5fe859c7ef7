import type { ChildStream } from "../content.js";
import type { Direction } from "../events.js";
import type { Attributes } from "../exchange.js";
import type { Conversation } from "./conversation.js";
import type { ConversationOwner, EngineContext } from "./conversation-owner.js";
import { InnerConversation } from "./inner-conversation.js";
import type { ParserVoice } from "./parser-voice.js";

/** Logical streams of one connection that are open at once. */
const MAX_OPEN = 1024;
/** Connections in connections in connections. */
const MAX_DEPTH = 4;

export type MakeConversation = (engine: EngineContext, owner: ConversationOwner) => Conversation;

/** The logical streams inside one connection. */
export class Children {
	readonly #engine: EngineContext;
	readonly #owner: ConversationOwner;
	readonly #voice: ParserVoice;
	readonly #make: MakeConversation;
	readonly #all = new Set<InnerConversation>();

	constructor(engine: EngineContext, owner: ConversationOwner, voice: ParserVoice, make: MakeConversation) {
		this.#engine = engine;
		this.#owner = owner;
		this.#voice = voice;
		this.#make = make;
	}

	open(tag: number): ChildStream {
		const reason = this.#all.size >= MAX_OPEN ? "child-cap" : depthOf(this.#voice) >= MAX_DEPTH ? "child-depth" : null;
		if (reason !== null) {
			this.#engine.totals.streamsOpaque++;
			this.#voice.count(`polytap.streams_opaque.${reason}`);
			return new OpaqueStream(this.#engine, this.#voice);
		}
		const child = new InnerConversation(this.#engine, this.#owner, this.#voice, tag, this.#make, () => {
			this.#all.delete(child);
		});
		this.#all.add(child);
		return child;
	}

	get pendingCount(): number {
		let count = 0;
		for (const { conversation } of this.#all) count += conversation.pendingCount;
		return count;
	}

	get dueUs(): number {
		let due = 0;
		for (const { conversation } of this.#all) {
			const { dueUs } = conversation;
			if (dueUs !== 0 && (due === 0 || dueUs < due)) due = dueUs;
		}
		return due;
	}

	tick(nowUs: number): void {
		for (const { conversation } of this.#all) conversation.tick(nowUs);
	}

	age(nowUs: number): void {
		for (const { conversation } of this.#all) conversation.age(nowUs);
	}

	conflict(dir: Direction, from: number, to: number): void {
		for (const { conversation } of this.#all) conversation.conflict(dir, from, to);
	}

	/** Bytes are missing of which nobody knows whose they were. */
	lost(dir: Direction, tsUs: number): void {
		for (const child of this.#all) child.lost(dir, tsUs);
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", tsUs: number): void {
		for (const child of this.#all) child.endAt(dir, how, tsUs);
	}

	finish(tsUs: number): void {
		for (const child of this.#all) child.finish(tsUs);
	}
}

function depthOf(voice: ParserVoice): number {
	let depth = 1;
	for (let { carrier } = voice; carrier !== null; { carrier } = carrier) depth++;
	return depth;
}

/** A stream that is only counted. */
class OpaqueStream implements ChildStream {
	readonly #engine: EngineContext;
	readonly #voice: ParserVoice;

	constructor(engine: EngineContext, voice: ParserVoice) {
		this.#engine = engine;
		this.#voice = voice;
	}

	data(_bytes: Uint8Array, from: number, to: number): void {
		this.#engine.totals.bytesOpaque += to - from;
		this.#voice.count("polytap.streams_opaque.bytes", to - from);
	}

	gap(): void {}
	end(): void {}
	start(_protocol: string | null, _hints?: Attributes, _parent?: string): void {}
}
