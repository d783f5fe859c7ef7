/**
 * What one record has in common with another that was written before: most exchanges of a busy node are their predecessor
 * with other times. A writer that keeps the record of a shape with holes for the rest need not put it together again.
 */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { VantageFacts } from "../engine/facts.js";
import type { Message } from "../engine/message.js";
import type { MessageHead } from "../plugin.js";

/** All that a record must share to be written from another one: heads, sizes, outcome, vantage. */
export class Shape {
	readonly #request: MessageHead;
	readonly #requestBytes: number;
	readonly #responseBytes: number;
	readonly #bodyBytes: number;
	readonly #outcome: string;
	readonly #kind: string;
	readonly #protocol: string;
	readonly #scope: string;
	readonly #seenBy: VantageFacts;

	/** Of an exchange that `isUsual`. The head of its response is not compared: whoever asks found the shape there. */
	constructor(x: CapturedExchange, request: Message, response: Message) {
		this.#request = request.messageHead!;
		this.#requestBytes = request.bytes;
		this.#responseBytes = response.bytes;
		this.#bodyBytes = response.payload!.bytes;
		this.#outcome = x.outcome;
		this.#kind = x.kind;
		this.#protocol = x.protocol;
		this.#scope = x.idScope;
		this.#seenBy = x.seenBy;
	}

	fits(x: CapturedExchange, request: Message, response: Message): boolean {
		const { payload } = response;
		return (
			request.messageHead === this.#request &&
			request.bytes === this.#requestBytes &&
			response.bytes === this.#responseBytes &&
			payload !== null &&
			payload.bytes === this.#bodyBytes &&
			x.outcome === this.#outcome &&
			isSame(x.seenBy, this.#seenBy) &&
			x.kind === this.#kind &&
			x.protocol === this.#protocol &&
			x.idScope === this.#scope
		);
	}
}

function isSame(a: VantageFacts, b: VantageFacts): boolean {
	return a.piece === b.piece || (a.vantage === b.vantage && a.source === b.source && a.type === b.type);
}

/** True where its shape is worth keeping: a bare request, a short plain body in one response, one vantage, nothing extra. */
export function isUsual(x: CapturedExchange, request: Message, response: Message, mostBytes: number): boolean {
	const { payload } = response;
	return (
		x.flags.length === 0 &&
		isEmpty(x.annotations) &&
		x.parentId === null &&
		x.sightings === null &&
		request.messageHead !== null &&
		response.messageHead !== null &&
		isBare(request) &&
		payload !== null &&
		payload.gaps === null &&
		response.coding === null &&
		hasNoExtras(response) &&
		payload.bytes <= mostBytes &&
		payload.isPlainText()
	);
}

/** Neither body nor anything beside it. */
export function isBare(message: Message): boolean {
	return message.payload === null && hasNoExtras(message);
}

export function hasNoExtras({ trailerList, interims, extras }: Message): boolean {
	return trailerList.length === 0 && interims === null && extras === null;
}

/** Without making a list of the keys. */
export function isEmpty(value: object): boolean {
	for (const _ in value) return false;
	return true;
}
