/** A toy protocol for engine tests: requests `<name>[#tag]\n`, answered by `=<name> <length>[#tag]\n` and that many bytes. */
import { MessageHead, type MessageWriter, type ParserPlugin, type ProtocolParser, WAIT } from "../../../core/index.js";

const LINE = /^(=?)([a-z]+)(?: (\d+))?(?:#(\d+))?$/;

class LineParser implements ProtocolParser {
	readonly #left: [number, number] = [0, 0];
	readonly #open: [MessageWriter | null, MessageWriter | null] = [null, null];

	data(dir: 0 | 1, bytes: Uint8Array, out: Parameters<ProtocolParser["data"]>[2]): number {
		let at = 0;
		while (at < bytes.length) {
			if (this.#left[dir] > 0) {
				const take = Math.min(this.#left[dir], bytes.length - at);
				this.#open[dir]!.body(bytes, at, at + take);
				this.#left[dir] -= take;
				at += take;
				if (this.#left[dir] === 0) this.#open[dir]!.finish(at, "ok");
				continue;
			}
			const end = bytes.indexOf(10, at);
			if (end < 0) return at;
			const line = Buffer.from(bytes.subarray(at, end)).toString("latin1");
			if (line === "loop") throw new Error("a bug in the toy parser");
			const match = LINE.exec(line);
			if (match === null) {
				out.opaque("not-a-line");
				return at;
			}
			const tag = match[4] === undefined ? undefined : Number(match[4]);
			if (dir === 1 && out.pending(at, tag) === null && !out.mustProceed) return at === 0 ? WAIT : at;
			const message = out.begin(at, tag);
			message.head(new MessageHead(match[2]!, { "line.name": match[2]! }, []));
			at = end + 1;
			this.#left[dir] = Number(match[3] ?? 0);
			this.#open[dir] = message;
			if (this.#left[dir] === 0) message.finish(at, "ok");
		}
		return at;
	}

	gap(dir: 0 | 1, length: number | null): boolean {
		if (length === null || length > this.#left[dir]) return false;
		this.#open[dir]!.bodyGap(length);
		this.#left[dir] -= length;
		if (this.#left[dir] === 0) this.#open[dir]!.finish(length, "ok");
		return true;
	}

	resync(dir: 0 | 1, bytes: Uint8Array): { skip: number } | { need: number } {
		this.#left[dir] = 0;
		for (let at = 0; at < bytes.length; at++) {
			const end = bytes.indexOf(10, at);
			if (end < 0) return { need: bytes.length - at };
			if (LINE.test(Buffer.from(bytes.subarray(at, end)).toString("latin1"))) return { skip: at };
			at = end;
		}
		return { need: 0 };
	}

	end(): void {}
}

export const lineParser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "line",
	summary: "toy",
	readsOnly: true,
	detect(client, server) {
		const seen = client.length > 0 ? client : server;
		if (seen.length < 3) return "more";
		const first = seen[0]!;
		return (first >= 97 && first <= 122) || first === 61 ? "yes" : "no";
	},
	create: () => new LineParser(),
};
