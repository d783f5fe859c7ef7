/** Enough of HTTP/2 and gRPC to prove the parser interface: streams, trailers, resets, pushes, state that a hole spoils. */
import {
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserOutput,
	type ParserPlugin,
	type PartWriter,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";
import { PREFACE, Type } from "./http2-frames.js";

const FRAME_HEAD = 9;
const MAX_FRAME = 16_384;
type Field = readonly [string, string];
const STATIC: Readonly<Record<number, Field>> = {
	2: [":method", "GET"],
	3: [":method", "POST"],
	8: [":status", "200"],
};

class GrpcFraming {
	readonly #head: number[] = [];
	#left = 0;
	#part: PartWriter | null = null;

	/** Messages begin and end where they like: in the middle of a frame, or of what one call offers. */
	read(writer: MessageWriter, bytes: Uint8Array, from: number, to: number): void {
		for (let at = from; at < to; ) {
			if (this.#part === null) {
				this.#head.push(bytes[at++]!);
				if (this.#head.length < 5) continue;
				this.#left = Buffer.from(this.#head).readUInt32BE(1);
				this.#part = writer.message(at - 1, { "rpc.message.compressed": this.#head[0] === 1 });
				this.#head.length = 0;
			} else {
				const end = Math.min(to, at + this.#left);
				this.#part.body(bytes, at, end);
				this.#left -= end - at;
				at = end;
			}
			if (this.#part !== null && this.#left === 0) this.#part = null;
		}
	}
}

class Half {
	readonly writer: MessageWriter;
	readonly fields: readonly Field[];
	readonly grpc: GrpcFraming | null;

	constructor(writer: MessageWriter, fields: readonly Field[]) {
		this.writer = writer;
		this.fields = fields;
		this.grpc = fieldOf(fields, "content-type").startsWith("application/grpc") ? new GrpcFraming() : null;
	}
}

class Side {
	sawPreface = false;
	/** Payload of the DATA frame that is being read. */
	left = 0;
	stream = 0;
	isLast = false;
	/** Newest first. */
	table: Field[] = [];
	readonly halves = new Map<number, Half>();
}

class Http2Parser implements ProtocolParser {
	readonly #sides: readonly [Side, Side] = [new Side(), new Side()];
	readonly #promised = new Map<number, { readonly fields: readonly Field[]; readonly parent: string | undefined }>();
	readonly #ids = new Map<number, string>();

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const side = this.#sides[dir];
		let at = 0;
		if (dir === 0 && !side.sawPreface) {
			if (bytes.length < PREFACE.length) return 0;
			at = PREFACE.length;
			side.sawPreface = true;
		}
		while (at < bytes.length) {
			if (side.left > 0) {
				at = this.#payload(side, bytes, at);
				continue;
			}
			if (bytes.length - at < FRAME_HEAD) break;
			const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
			const length = view.readUIntBE(0, 3);
			const [type, flags, stream] = [view[3]!, view[4]!, view.readUInt32BE(5)];
			if (type === Type.data) {
				side.halves.get(stream)?.writer.wireBytes(FRAME_HEAD);
				side.left = length;
				side.stream = stream;
				side.isLast = (flags & 1) !== 0;
				at += FRAME_HEAD;
				if (length === 0) this.#dataEnd(side, at);
				continue;
			}
			if (view.length < FRAME_HEAD + length) break;
			const isAlone = dir === 1 && type === Type.headers && !side.halves.has(stream) && !this.#promised.has(stream);
			if (isAlone && out.pending(at, stream) === null && !out.mustProceed) return at === 0 ? WAIT : at;
			this.#frame(dir, side, type, flags, stream, view.subarray(FRAME_HEAD, FRAME_HEAD + length), at, out);
			at += FRAME_HEAD + length;
		}
		return at;
	}

	gap(dir: Direction, length: number | null): boolean {
		const side = this.#sides[dir];
		if (length === null || length > side.left) return false;
		const half = side.halves.get(side.stream);
		half?.writer.bodyGap(length);
		half?.writer.wireBytes(length);
		side.left -= length;
		if (side.left === 0) this.#dataEnd(side, length);
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		const side = this.#sides[dir];
		side.left = 0;
		side.sawPreface = true;
		// what the hole inserted is unknown: no index means anything until new fields come
		side.table = [];
		side.halves.clear();
		for (let at = 0; at + FRAME_HEAD <= bytes.length; at++) {
			const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, FRAME_HEAD);
			if (view.readUIntBE(0, 3) <= MAX_FRAME && view[3] === Type.headers && view.readUInt32BE(5) < 1024)
				return { skip: at };
		}
		return { need: Math.min(bytes.length, FRAME_HEAD - 1) };
	}

	end(): void {}

	#payload(side: Side, bytes: Uint8Array, from: number): number {
		const to = Math.min(bytes.length, from + side.left);
		const half = side.halves.get(side.stream);
		if (half !== undefined) {
			half.writer.wireBytes(to - from);
			if (half.grpc === null) half.writer.body(bytes, from, to);
			else half.grpc.read(half.writer, bytes, from, to);
		}
		side.left -= to - from;
		if (side.left === 0) this.#dataEnd(side, to);
		return to;
	}

	#dataEnd(side: Side, index: number): void {
		if (!side.isLast) return;
		side.halves.get(side.stream)?.writer.finish(index, "ok");
		side.halves.delete(side.stream);
	}

	#frame(
		dir: Direction,
		side: Side,
		type: number,
		flags: number,
		stream: number,
		payload: Buffer,
		at: number,
		out: ParserOutput,
	): void {
		const end = at + FRAME_HEAD + payload.length;
		if (type === Type.headers) this.#headers(dir, side, (flags & 1) !== 0, stream, decode(payload, side), at, end, out);
		else if (type === Type.push) {
			const promised = payload.readUInt32BE(0);
			this.#promised.set(promised, { fields: decode(payload.subarray(4), side), parent: this.#ids.get(stream) });
		} else if (type === Type.reset) this.#reset(dir, stream, end, out);
		else if (type === Type.ping) out.count("http2.pings");
		else if (type === Type.settings) out.note("http2.settings.bytes", payload.length);
	}

	#headers(
		dir: Direction,
		side: Side,
		isLast: boolean,
		stream: number,
		fields: readonly Field[],
		at: number,
		end: number,
		out: ParserOutput,
	): void {
		const open = side.halves.get(stream);
		if (open !== undefined) {
			open.writer.wireBytes(end - at);
			open.writer.trailers(fields);
			const status = fieldOf(fields, "grpc-status");
			// known only now, and what the record is about
			if (status !== "") open.writer.head(headOf(dir, open.fields, { "rpc.grpc.status_code": Number(status) }, status));
			open.writer.finish(end, status === "" || status === "0" ? "ok" : "error");
			side.halves.delete(stream);
			return;
		}
		const promised = dir === 1 ? this.#promised.get(stream) : undefined;
		const writer = out.begin(at, stream, promised === undefined ? "exchange" : "message", promised?.parent);
		if (dir === 0) this.#ids.set(stream, writer.id);
		writer.wireBytes(end - at);
		const path = promised === undefined ? {} : { "url.path": fieldOf(promised.fields, ":path") };
		writer.head(headOf(dir, fields, path));
		if (isLast) writer.finish(end, "ok");
		else side.halves.set(stream, new Half(writer, fields));
	}

	#reset(dir: Direction, stream: number, end: number, out: ParserOutput): void {
		for (const each of [0, 1] as const) {
			const { halves } = this.#sides[each];
			const half = halves.get(stream);
			if (each === dir) half?.writer.finish(end, "aborted");
			else half?.writer.abandon("aborted");
			halves.delete(stream);
		}
		out.settle("aborted", stream);
	}
}

function fieldOf(fields: readonly Field[], name: string): string {
	return fields.find(([field]) => field === name)?.[1] ?? "";
}

function headOf(
	dir: Direction,
	fields: readonly Field[],
	more: Record<string, string | number>,
	result?: string,
): MessageHead {
	const headers = fields.filter(([name]) => !name.startsWith(":"));
	if (dir === 1) {
		const status = fieldOf(fields, ":status");
		return new MessageHead(result ?? status, { "http.response.status_code": Number(status), ...more }, headers);
	}
	const [method, path] = [fieldOf(fields, ":method"), fieldOf(fields, ":path")];
	return new MessageHead(`${method} ${path}`, { "http.request.method": method, "url.path": path, ...more }, headers);
}

function decode(bytes: Buffer, side: Side): readonly Field[] {
	const fields: Field[] = [];
	for (let at = 0; at < bytes.length; ) {
		const first = bytes[at++]!;
		if (first >= 0x80) {
			const index = first & 0x7f;
			fields.push(STATIC[index] ?? side.table[index - 62] ?? ["<unknown>", "<unknown>"]);
			continue;
		}
		const texts = [0, 1].map(() => {
			const length = bytes[at]!;
			at += 1 + length;
			return bytes.toString("latin1", at - length, at);
		});
		const field: Field = [texts[0]!, texts[1]!];
		if (first === 0x40) side.table.unshift(field);
		fields.push(field);
	}
	return fields;
}

export const http2: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "http/2",
	summary: "HTTP/2 and gRPC, as far as tests need it",
	readsOnly: true,
	detect: (client, _server, { late }) => {
		const shown = Math.min(client.length, PREFACE.length);
		if (late && client.length > 0) return "yes";
		if (!PREFACE.subarray(0, shown).equals(client.subarray(0, shown))) return "no";
		return shown === PREFACE.length ? "yes" : "more";
	},
	create: () => new Http2Parser(),
};
