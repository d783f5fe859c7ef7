import koffi from "koffi";
import type { Memory } from "./run.js";

const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PAGE_BYTES = 65_536;

/** Pages that can be written only while the kit copies bytes into them. */
export class ProtectedMemory implements Memory {
	readonly #protect: (address: object, length: number, protection: number) => number;
	readonly #map: (length: number) => object;
	#address: object;
	#bytes: Uint8Array;

	constructor() {
		const libc = koffi.load(null);
		const mmap = libc.func(
			"void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
		);
		this.#protect = libc.func("int mprotect(void *address, size_t length, int protection)");
		this.#map = (length) => mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
		[this.#address, this.#bytes] = this.#reserve(PAGE_BYTES);
	}

	lend(bytes: Uint8Array): Uint8Array {
		// what was lent before may still be looked at: larger memory is new memory
		if (bytes.length > this.#bytes.length) [this.#address, this.#bytes] = this.#reserve(bytes.length * 2);
		this.#set(PROT_READ_WRITE);
		this.#bytes.set(bytes);
		this.#set(PROT_READ);
		return this.#bytes.subarray(0, bytes.length);
	}

	end(): void {}

	#reserve(length: number): [object, Uint8Array] {
		const whole = Math.ceil(length / PAGE_BYTES) * PAGE_BYTES;
		const address = this.#map(whole);
		return [address, new Uint8Array(koffi.view(address, whole) as ArrayBuffer)];
	}

	#set(protection: number): void {
		if (this.#protect(this.#address, this.#bytes.length, protection) !== 0) throw new Error("mprotect failed");
	}
}
