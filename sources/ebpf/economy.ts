import type { Advice } from "../../core/index.js";
import { putCookie } from "./cookie.js";
import { libbpf } from "./libbpf.js";
import * as layout from "./record-layout.js";
import type { Socket } from "./sockets.js";
import type { Translator } from "./translator.js";

const KEY_BYTES = 8;
const TWO_32 = 2 ** 32;

/** Tells the kernel side what need not be copied: advice of the engine, and what the CPU budget asks for. */
export class Economy {
	readonly #advicesFd: number;
	readonly #economyFd: number;
	readonly #translator: Translator;
	#epoch = 1;
	#isOn = false;
	#turnBytes = 0;
	#keepOneIn = 1;
	/** Told to the kernel. */
	advices = 0;

	constructor(advicesFd: number, economyFd: number, translator: Translator) {
		this.#advicesFd = advicesFd;
		this.#economyFd = economyFd;
		this.#translator = translator;
	}

	advise(conn: number, advice: Advice): void {
		const socket = this.#translator.socketOf(conn);
		if (socket === null) return;
		if (advice.kind === "ignore") {
			this.#translator.ignore(socket);
			this.#write(socket, layout.ADVICE_IGNORE);
		} else if (advice.kind === "cuttable") {
			socket.isCuttable = true;
			if (this.#turnBytes > 0) this.#write(socket);
		} else if (advice.kind === "covered" || advice.kind === "uncovered") {
			socket.isCovered = advice.kind === "covered";
			this.#write(socket);
		} else {
			// what a server receives goes from client to server
			socket.skipTo ??= [0, 0];
			socket.skipTo[(advice.dir === 0) === socket.isServer ? 1 : 0] = Math.min(advice.to, Number.MAX_SAFE_INTEGER);
			this.#write(socket);
		}
	}

	/** All advice is void. */
	forget(): void {
		for (const socket of this.#translator.sockets.values()) {
			socket.isCuttable = false;
			socket.isCovered = false;
			socket.skipTo = null;
		}
		this.#translator.forgetIgnored();
		this.#epoch++;
		if (this.#isOn) this.#writeEconomy();
	}

	/** For the CPU budget: see `struct economy`. */
	save(turnBytes: number, keepOneIn: number): void {
		const isNew = turnBytes > 0 && this.#turnBytes === 0;
		const hasRoom = keepOneIn < this.#keepOneIn;
		this.#turnBytes = turnBytes;
		this.#keepOneIn = keepOneIn;
		// connections that were left out are asked again
		if (hasRoom) this.#epoch++;
		this.#isOn = true;
		this.#writeEconomy();
		if (!isNew && !hasRoom) return;
		for (const socket of this.#translator.sockets.values())
			if (socket.isCuttable || socket.isCovered || socket.skipTo !== null) this.#write(socket);
	}

	#write(socket: Socket, kind = kindFor(socket)): void {
		if (!this.#isOn) {
			this.#isOn = true;
			this.#writeEconomy();
		}
		const [send, receive] = socket.skipTo ?? [0, 0];
		const key = new Uint8Array(KEY_BYTES);
		const value = new Uint8Array(layout.ADVICE_BYTES);
		putCookie(new DataView(key.buffer), 0, socket.cookie);
		const out = new DataView(value.buffer);
		putU64(out, layout.ADVICE_SKIP_TO, send);
		putU64(out, layout.ADVICE_SKIP_TO + 8, receive);
		out.setUint32(layout.ADVICE_KIND, kind, true);
		libbpf().update(this.#advicesFd, key, value, 0);
		this.advices++;
	}

	#writeEconomy(): void {
		const value = new Uint8Array(layout.ECONOMY_BYTES);
		const out = new DataView(value.buffer);
		out.setUint32(layout.ECONOMY_IS_ON, this.#isOn ? 1 : 0, true);
		out.setUint32(layout.ECONOMY_EPOCH, this.#epoch, true);
		out.setUint32(layout.ECONOMY_TURN_BYTES, this.#turnBytes, true);
		out.setUint32(layout.ECONOMY_KEEP_ONE_IN, this.#keepOneIn, true);
		libbpf().update(this.#economyFd, new Uint8Array(4), value, 0);
	}
}

function kindFor({ isCovered, isCuttable }: Socket): number {
	if (isCovered) return layout.ADVICE_COVERED;
	return isCuttable ? layout.ADVICE_CUTTABLE : layout.ADVICE_NONE;
}

function putU64(out: DataView, at: number, value: number): void {
	out.setUint32(at, value % TWO_32, true);
	out.setUint32(at + 4, Math.floor(value / TWO_32), true);
}
