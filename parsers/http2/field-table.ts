import { type Field, STATIC_TABLE } from "./static-table.js";

/** What stands for a name or a value that nobody can know. */
export const UNKNOWN = "<unknown>";
/** Of both, for an index that points before what was seen. */
const UNKNOWN_FIELD: Field = [UNKNOWN, UNKNOWN];
const INITIAL_BYTES = 4096;
/** An encoder may say that it keeps more; the oldest of that are unknown to us. */
const MAX_KEPT_BYTES = 1 << 18;
/** What an entry takes beside its name and value (RFC 7541, section 4.1). */
const ENTRY_BYTES = 32;

/**
 * The dynamic table of one direction (RFC 7541, section 2.3), or as much of it as was seen. Whole from a connection's first
 * byte. Otherwise it is a window to which every insertion since is appended: indexes count from the newest, so they lead to
 * the right entry or to one before the window, which is unknown; what the encoder evicted it will not name again.
 */
export class FieldTable {
	/** Changes with the content: equal versions, equal meaning of every index. */
	version = 0;
	/** Newest last; those before `#first` are gone. */
	#entries: Field[] = [];
	#first = 0;
	#bytes = 0;
	#maxBytes = INITIAL_BYTES;
	#isWhole = true;

	/** What lies before this is unknown from now on. */
	lose(): void {
		this.version++;
		this.#entries = [];
		this.#first = 0;
		this.#bytes = 0;
		this.#isWhole = false;
	}

	/** Null: there is no such entry. */
	at(index: number): Field | null {
		if (index < STATIC_TABLE.length) return index > 0 ? STATIC_TABLE[index]! : null;
		const found = this.#entries[this.#entries.length - 1 - (index - STATIC_TABLE.length)];
		const isThere = this.#entries.length - this.#first > index - STATIC_TABLE.length;
		if (found !== undefined && isThere) return found;
		return this.#isWhole ? null : UNKNOWN_FIELD;
	}

	insert(field: Field): void {
		this.version++;
		const bytes = field[0].length + field[1].length + ENTRY_BYTES;
		this.#entries.push(field);
		this.#bytes += bytes;
		this.#evict();
	}

	/** A table of no bytes is empty, whatever was in it: from there on all of it is known. */
	resize(maxBytes: number): void {
		this.version++;
		this.#maxBytes = maxBytes;
		if (maxBytes === 0) {
			this.#entries = [];
			this.#first = 0;
			this.#bytes = 0;
			this.#isWhole = true;
		} else this.#evict();
	}

	#evict(): void {
		const entries = this.#entries;
		// a window does not know what the sizes are that the encoder counts: names may be unknown
		const most = this.#isWhole ? Math.min(this.#maxBytes, MAX_KEPT_BYTES) : MAX_KEPT_BYTES;
		while (this.#bytes > most && this.#first < entries.length) {
			const [name, value] = entries[this.#first]!;
			this.#bytes -= name.length + value.length + ENTRY_BYTES;
			this.#first++;
			if (this.#isWhole && this.#maxBytes > MAX_KEPT_BYTES && this.#bytes > 0) this.#isWhole = false;
		}
		if (this.#first > 64 && this.#first * 2 > entries.length) {
			entries.splice(0, this.#first);
			this.#first = 0;
		}
	}
}
