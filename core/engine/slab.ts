/**
 * Payload memory that the engine owns. Bytes are copied once, out of the source's memory into the current slab; a slab
 * goes back to the pool when the last message that has bytes in it was released.
 */
const SLAB_BYTES = 256 * 1024;
const POOLED_SLABS = 64;

export class Slab {
	readonly memory = new ArrayBuffer(SLAB_BYTES);
	readonly bytes = new Uint8Array(this.memory);
	/** The same memory, four bytes at a time. */
	readonly words = new Uint32Array(this.memory);
	used = 0;
	refs = 0;
}

export class SlabPool {
	/** Bytes of all slabs that are in use. */
	heldBytes = 0;
	/** Their cap. May change at any time. */
	maxHeldBytes: number;
	#current = new Slab();
	readonly #free: Slab[] = [];

	constructor(maxHeldBytes: number) {
		this.maxHeldBytes = maxHeldBytes;
	}

	/** The slab to write into next, with at least four free bytes; null when the cap is reached. */
	writable(): Slab | null {
		const current = this.#current;
		if (current.used <= SLAB_BYTES - 4) return current;
		if (this.heldBytes >= this.maxHeldBytes) return null;
		const next = this.#free.pop() ?? new Slab();
		this.#current = next;
		if (current.refs === 0) this.#recycle(current);
		return next;
	}

	/** Counts memory that is kept elsewhere, for the same exchanges. False when the cap is reached. */
	reserve(bytes: number): boolean {
		if (this.heldBytes + bytes > this.maxHeldBytes) return false;
		this.heldBytes += bytes;
		return true;
	}

	unreserve(bytes: number): void {
		this.heldBytes -= bytes;
	}

	retain(slab: Slab): void {
		if (slab.refs++ === 0) this.heldBytes += SLAB_BYTES;
	}

	release(slab: Slab): void {
		if (--slab.refs > 0) return;
		this.heldBytes -= SLAB_BYTES;
		if (slab === this.#current) slab.used = 0;
		else this.#recycle(slab);
	}

	#recycle(slab: Slab): void {
		slab.used = 0;
		if (this.#free.length < POOLED_SLABS) this.#free.push(slab);
	}
}
