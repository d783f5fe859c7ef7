import type { CommandHead } from "./commands.js";
import { type HeadContext, MAX_TEXT_BYTES, textHead } from "./query-heads.js";

/** A statement that comes in pieces: its beginning is kept for the attribute, all of it is the body. */
export class LongText {
	#kept = Buffer.alloc(0);
	#length = 0;
	#total = 0;
	/** Bytes before the statement that are still to come: the command, and the counts of query attributes. */
	#before = 0;
	#hasCounts = false;
	/** Query attributes stand before it: where it begins is not looked for. */
	#isHidden = false;

	begin(mayHaveAttributes: boolean): void {
		this.#kept = Buffer.allocUnsafe(MAX_TEXT_BYTES);
		this.#length = 0;
		this.#total = 0;
		this.#before = mayHaveAttributes ? 3 : 1;
		this.#hasCounts = mayHaveAttributes;
		this.#isHidden = false;
	}

	/** Returns where the payload begins in these bytes. */
	add(bytes: Buffer, from: number, to: number): number {
		let at = from;
		while (this.#before > 0 && at < to) {
			// the count of attributes
			if (this.#hasCounts && this.#before === 2 && bytes[at] !== 0) {
				this.#isHidden = true;
				this.#before = 0;
				break;
			}
			this.#before--;
			at++;
		}
		this.#total += to - at;
		if (!this.#isHidden && at < to)
			this.#length += bytes.copy(this.#kept, this.#length, at, Math.min(to, at + MAX_TEXT_BYTES - this.#length));
		return at;
	}

	/** What comes next does not follow on this. */
	cut(): void {
		this.#isHidden ||= this.#length < MAX_TEXT_BYTES;
	}

	head(code: number, context: HeadContext): CommandHead {
		let end = this.#length;
		// not in the middle of a character
		if (end < this.#total) while (end > 0 && (this.#kept[end - 1]! & 0xc0) === 0x80) end--;
		if (end > 0 && end < this.#total && this.#kept[end - 1]! >= 0xc0) end--;
		const text = this.#isHidden ? "" : this.#kept.toString("utf8", 0, end);
		this.#kept = Buffer.alloc(0);
		return textHead(code, text, context, { isCut: true });
	}
}
