import { backShape } from "./shapes.js";
import { Back, latin1, uint16 } from "./wire.js";

/** What the server says up to ReadyForQuery, as far as it tells which question it answers. */
export interface Answer {
	/** The letters of its messages without what may come at any time; rows and data of a COPY count once. */
	readonly types: string;
	/** Of its CommandComplete messages, in order. */
	readonly tags: readonly string[];
	/** How many fields the first row of each result has. */
	readonly fields: readonly number[];
	/** Position of its first message. */
	readonly at: number;
	/** Position of its ReadyForQuery. */
	readonly readyAt: number;
}

/** Bytes of a ReadyForQuery. */
const READY_BYTES = 6;

/** Whole answers from `at` on, `most` of them; `isMore`: something follows the last one. */
export function readAnswers(
	bytes: Uint8Array,
	at: number,
	most: number,
): { readonly answers: readonly Answer[]; readonly isMore: boolean; readonly isBroken: boolean } {
	const answers: Answer[] = [];
	let next = at;
	while (answers.length < most && next < bytes.length) {
		const answer = readAnswer(bytes, next);
		if (answer === null || answer === "more") return { answers, isMore: true, isBroken: answer === null };
		answers.push(answer);
		next = answer.readyAt + READY_BYTES;
	}
	return { answers, isMore: next < bytes.length, isBroken: false };
}

/** The answer that begins at `at`; `"more"`: its end is not there; null: these are no messages. */
function readAnswer(bytes: Uint8Array, at: number): Answer | "more" | null {
	let types = "";
	let last = 0;
	const tags: string[] = [];
	const fields: number[] = [];
	for (let next = at; next < bytes.length; ) {
		const end = backShape(bytes, next);
		if (typeof end !== "number") return end === "more" ? "more" : null;
		const type = bytes[next]!;
		if (type === Back.ready) return { types, tags, fields, at, readyAt: next };
		const isRepeated = type === last && (type === Back.dataRow || type === Back.copyData);
		if (!isRepeated && type !== Back.notice && type !== Back.notification && type !== Back.parameterStatus) {
			types += String.fromCharCode(type);
			last = type;
			if (type === Back.commandComplete) tags.push(latin1(bytes, next + 5, end - 1));
			else if (type === Back.dataRow) fields.push(uint16(bytes, next + 5));
		}
		next = end;
	}
	return "more";
}
