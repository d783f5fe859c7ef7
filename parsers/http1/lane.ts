import type { MessageWriter } from "../../core/index.js";
import type { Http1Head } from "./head.js";
import type { SeenHead } from "./head-memory.js";

/** What the next byte of a direction is part of. */
export const At = {
	head: 0,
	length: 1,
	close: 2,
	chunkSize: 3,
	chunkExtension: 4,
	chunkData: 5,
	chunkEnd: 6,
	trailers: 7,
} as const;
export type At = (typeof At)[keyof typeof At];

/** Parsing state of one direction. */
export class Lane {
	at: At = At.head;
	writer: MessageWriter | null = null;
	/** Of the message whose payload is being read. */
	head: Http1Head | null = null;
	/** Bytes of the payload, or of the chunk, that are still to come; while a chunk size is read, its value so far. */
	left = 0;
	/** Bytes of the chunk size line so far. */
	lineBytes = 0;
	/** Digits of the chunk size so far. */
	digits = 0;
	/** The last byte of the line being read was a CR. */
	sawCr = false;
	/** How far the unconsumed bytes were looked through for the end of a head. */
	scanned = 0;
	last: SeenHead | null = null;
	/** Request that the response being read answers. */
	request: Http1Head | null = null;

	reset(): void {
		this.at = At.head;
		this.writer = null;
		this.head = null;
		this.left = 0;
		this.lineBytes = 0;
		this.digits = 0;
		this.sawCr = false;
		this.scanned = 0;
		this.request = null;
	}
}
