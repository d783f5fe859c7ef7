import type { ChildStream, Direction, MessageWriter } from "../../core/index.js";
import type { StreamFlow } from "./flow.js";
import type { Http2Head } from "./head.js";

/** How far one direction of a stream is. */
export const Half = { idle: 0, open: 1, closed: 2 } as const;
export type Half = (typeof Half)[keyof typeof Half];

/** One stream of a connection (RFC 9113, section 5). */
export class Http2Stream {
	readonly id: number;
	requestHalf: Half = Half.idle;
	responseHalf: Half = Half.idle;
	request: MessageWriter | null = null;
	response: MessageWriter | null = null;
	requestHead: Http2Head | null = null;
	responseHead: Http2Head | null = null;
	/** Payload bytes of each direction so far. */
	requestBytes = 0;
	responseBytes = 0;
	requestUs = 0;
	responseUs = 0;
	/** Null until there is something to wait for. */
	flow: StreamFlow | null = null;
	/** A tunnel, or another protocol: what its data belongs to. */
	child: ChildStream | null = null;
	/** Of a pushed response: id of the exchange in which it was promised. */
	parent: string | undefined = undefined;
	isPush = false;

	constructor(id: number) {
		this.id = id;
	}

	half(dir: Direction): Half {
		return dir === 0 ? this.requestHalf : this.responseHalf;
	}

	setHalf(dir: Direction, half: Half): void {
		if (dir === 0) this.requestHalf = half;
		else this.responseHalf = half;
	}

	writer(dir: Direction): MessageWriter | null {
		return dir === 0 ? this.request : this.response;
	}

	get isOver(): boolean {
		return this.requestHalf === Half.closed && this.responseHalf === Half.closed;
	}
}
