import type { Direction, ParserContext, ParserOutput, ProtocolParser, WAIT } from "../../core/index.js";
import { ClientLane } from "./client-lane.js";
import { QueryHeads } from "./query-heads.js";
import { ServerLane } from "./server-lane.js";
import { Session } from "./session.js";

const HEADS = "heads";

/** One connection. */
export class MySqlParser implements ProtocolParser {
	readonly #session: Session;
	readonly #client: ClientLane;
	readonly #server: ServerLane;
	#ended = 0;

	constructor({ hint, shared }: ParserContext) {
		this.#session = new Session(hint.late, shared);
		const found = shared.get(HEADS);
		const heads = found instanceof QueryHeads ? found : new QueryHeads();
		if (heads !== found) shared.set(HEADS, heads);
		this.#client = new ClientLane(this.#session, heads);
		this.#server = new ServerLane(this.#session, shared);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
		return dir === 0 ? this.#client.data(view, out) : this.#server.data(view, out);
	}

	gap(dir: Direction, length: number, out: ParserOutput): boolean {
		return dir === 0 ? this.#client.gap(length, out) : this.#server.gap(length, out);
	}

	resync(dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
		return dir === 0 ? this.#client.resync(view) : this.#server.resync(view);
	}

	end(_dir: Direction, _how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		if (++this.#ended === 2) this.#session.summarise(out);
	}
}
