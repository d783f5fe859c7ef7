import { type Attributes, type AttributeValue, MessageHead } from "../../core/index.js";
import { opcodeName } from "./frame.js";

/** Heads of the messages of one connection: most of them say the same. */
export class Heads {
	readonly #common: Attributes;
	readonly #known = new Map<number, MessageHead>();

	/** `path` of the handshake; null: nobody saw it. */
	constructor(path: string | null) {
		this.#common = path === null ? {} : { "url.path": path };
	}

	message(opcode: number, isCompressed: boolean): MessageHead {
		const key = opcode * 2 + (isCompressed ? 1 : 0);
		let head = this.#known.get(key);
		if (head === undefined) this.#known.set(key, (head = this.#make(opcode, isCompressed, {})));
		return head;
	}

	/** Of a message in so many frames. */
	fragmented(opcode: number, isCompressed: boolean, frames: number): MessageHead {
		return this.#make(opcode, isCompressed, { "websocket.frames": frames });
	}

	/** `code` null: the frame has none. */
	close(code: number | null): MessageHead {
		if (code === null) return this.message(8, false);
		return new MessageHead(
			`close ${code}`,
			{ ...this.#common, "websocket.opcode": "close", "websocket.close.code": code },
			[],
		);
	}

	#make(opcode: number, isCompressed: boolean, more: Attributes): MessageHead {
		const name = opcodeName(opcode);
		const attributes: Record<string, AttributeValue> = { ...this.#common, "websocket.opcode": name };
		if (isCompressed) attributes["websocket.compressed"] = true;
		return new MessageHead(name, { ...attributes, ...more }, []);
	}
}
