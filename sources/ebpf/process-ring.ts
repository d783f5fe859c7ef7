import { libc } from "./libbpf.js";
import { Ring } from "./ring.js";

const RING_BYTES = 65_536;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_EVENT_BYTES = 12;
/** So long a closing waits at the most. */
const WAIT_MS = 250;

/** Tells of processes that the kernel side wants to be looked at. Waits on a thread of the pool, so nobody polls. */
export class ProcessRing {
	readonly #ring: Ring;
	readonly #epoll: number;
	readonly #done: Promise<void>;
	readonly #onProcess: (pid: number, reason: number) => void;
	#isClosed = false;

	/** `onProcess` gets a reason of `enum process_reason`. */
	constructor(fd: number, onProcess: (pid: number, reason: number) => void) {
		this.#onProcess = onProcess;
		this.#ring = new Ring(fd, RING_BYTES);
		this.#epoll = libc().epollCreate(0);
		const event = Buffer.alloc(EPOLL_EVENT_BYTES);
		event.writeUInt32LE(EPOLLIN);
		libc().epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event);
		this.#done = this.#run();
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		await this.#done;
	}

	async #run(): Promise<void> {
		const events = Buffer.alloc(EPOLL_EVENT_BYTES);
		while (!this.#isClosed) {
			await libc().epollWait(this.#epoll, events, 1, WAIT_MS);
			this.#ring.refresh();
			const reasons = new Map<number, number>();
			for (let at = this.#ring.next(); at >= 0; at = this.#ring.next()) {
				const pid = this.#ring.words[at >>> 2]!;
				reasons.set(pid, Math.max(reasons.get(pid) ?? 0, this.#ring.words[(at >>> 2) + 1]!));
			}
			this.#ring.release();
			if (!this.#isClosed) for (const [pid, reason] of reasons) this.#onProcess(pid, reason);
		}
		this.#ring.unmap();
		libc().close(this.#epoll);
	}
}
