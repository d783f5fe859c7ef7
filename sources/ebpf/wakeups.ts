import { PolytapError } from "../../core/index.js";
import { libc, type Pointer, view } from "./libbpf.js";

const PAGE = 4096;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** The word by which the kernel side knows whether the reader sleeps: nobody is woken who looks by himself anyway. */
export class Wakeups {
	readonly #fd: number;
	#pointer: Pointer = null;
	#word: Int32Array | null = null;
	/** How often the reader slept. */
	sleeps = 0;

	constructor(fd: number) {
		this.#fd = fd;
	}

	sleep(): void {
		this.sleeps++;
		Atomics.store(this.#mapped(), 0, 1);
	}

	wake(): void {
		if (this.#word !== null) Atomics.store(this.#word, 0, 0);
	}

	/** From now on the kernel wakes whoever waits. */
	unmap(): void {
		if (this.#pointer === null) return;
		Atomics.store(this.#mapped(), 0, 1);
		libc().munmap(this.#pointer, PAGE);
		this.#pointer = null;
		this.#word = null;
	}

	#mapped(): Int32Array {
		if (this.#word !== null) return this.#word;
		this.#pointer = libc().mmap(null, PAGE, PROT_READ_WRITE, MAP_SHARED, this.#fd, 0);
		if (this.#pointer === null) throw new PolytapError("BPF_LOAD_FAILED", "the word of wake-ups could not be mapped");
		return (this.#word = new Int32Array(view(this.#pointer, PAGE), 0, 1));
	}
}
