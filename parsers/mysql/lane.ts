import { type ParserOutput, type PayloadWriter, WAIT } from "../../core/index.js";
import { type FrameOwner, FrameReader } from "./frames.js";
import { type PacketHandler, PacketReader, type PacketStart } from "./packets.js";
import type { Session } from "./session.js";

/** One direction: its framing, and where in the shown bytes a packet lies that came out of a compressed frame. */
export abstract class Lane implements PacketHandler, FrameOwner {
	isHeld = false;
	protected readonly session: Session;
	protected readonly packets: PacketReader;
	protected isCompressed = false;
	/** Nothing more is read: opaque, or handed over. */
	protected isOver = false;
	/** From here on in frames; the call goes on with them. */
	#isSwitching = false;
	readonly #frames: FrameReader;
	/** The frame that is being read: where it lies, and how many messages began or ended in it. */
	#frameStart = 0;
	#frameEnd = 0;
	#frameMarks = 0;
	protected cannotHold = false;

	constructor(session: Session) {
		this.session = session;
		this.packets = new PacketReader(this, session.budget);
		this.#frames = new FrameReader(this.packets, this, session.budget);
	}

	get isStopped(): boolean {
		return this.isOver || this.#isSwitching;
	}

	data(bytes: Buffer, out: ParserOutput): number | typeof WAIT {
		this.isHeld = false;
		let used = 0;
		if (!this.isCompressed) {
			used = this.packets.read(bytes, 0, out);
			this.hasRead();
			if (!this.#isSwitching) return this.isHeld && used === 0 ? WAIT : used;
			this.#isSwitching = false;
			this.isCompressed = true;
		}
		used = this.#frames.read(bytes, used, out);
		return this.isHeld && used === 0 ? WAIT : used;
	}

	gap(length: number, out: ParserOutput): boolean {
		return !this.isCompressed && this.packets.gap(length, out);
	}

	inFrame(start: number, end: number, cannotHold: boolean): void {
		if (this.#frameEnd !== end || this.#frameStart !== start || !this.isHeld) this.#frameMarks = 0;
		this.#frameStart = start;
		this.#frameEnd = end;
		this.cannotHold = cannotHold;
	}

	giveUp(reason: string, out: ParserOutput): void {
		this.isOver = true;
		out.opaque(reason);
	}

	/** The packet stays where it is until the other direction moves. */
	protected hold(): boolean {
		if (this.cannotHold) return false;
		this.isHeld = true;
		return true;
	}

	protected switchToFrames(): void {
		this.#isSwitching = !this.isCompressed;
	}

	/** Begins anew at a place that `resync` found. */
	protected restart(isCompressed: boolean): void {
		this.packets.reset();
		this.#frames.reset();
		this.isCompressed = isCompressed;
		this.isHeld = false;
	}

	/** Where a message begins whose packet does so at `index`. Two in one frame do not begin at the same place. */
	protected startAt(index: number): number {
		return this.isCompressed ? Math.min(this.#frameStart + this.#frameMarks, this.#frameEnd) : index;
	}

	/** Where a message ends whose packet does so at `index`. */
	protected endAt(index: number): number {
		if (!this.isCompressed) return index;
		this.#frameMarks++;
		return this.#frameEnd;
	}

	/** Where in the shown bytes a payload ends that ends at `index`. */
	protected placeOf(index: number): number {
		return this.isCompressed ? this.#frameEnd : index;
	}

	protected body(writer: PayloadWriter, bytes: Buffer, from: number, to: number, index = from): void {
		writer.body(bytes, from, to, this.isCompressed ? this.#frameStart : index);
	}

	/** The bytes that were read are not shown again. */
	hasRead(): void {}

	abstract begins(start: PacketStart, out: ParserOutput): number;
	abstract packet(bytes: Buffer | null, from: number, to: number, length: number, end: number, out: ParserOutput): void;
	abstract piece(bytes: Buffer, from: number, to: number, out: ParserOutput): void;
	abstract missing(length: number, out: ParserOutput): void;
	abstract ends(end: number, out: ParserOutput): void;
}
