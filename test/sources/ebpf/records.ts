import type { CaptureEvent, OpenEvent } from "../../../core/index.js";
import { KernelClock, Processes } from "../../../core/index.js";
import * as layout from "../../../sources/ebpf/record-layout.js";
import type { RecordMemory } from "../../../sources/ebpf/ring.js";
import { Translator } from "../../../sources/ebpf/translator.js";

const AF_INET = 2;
const TWO_32 = 2 ** 32;

export interface RecordFields {
	readonly kind?: number;
	readonly cookie?: number;
	readonly receive?: boolean;
	readonly offset?: number;
	/** Payload, or the length of a gap, or of a close what was never sent. */
	readonly data?: string | number;
	readonly lost?: number;
	readonly lostOther?: number;
	readonly cause?: number;
	readonly flags?: number;
	readonly role?: number;
	/** Of UDP; 0: nobody knows whose it is. */
	readonly pid?: number;
	readonly isUdp?: boolean;
	readonly remotePort?: number;
	/** Of a close: final positions and losses, sent and received. */
	readonly finals?: readonly [send: number, receive: number, lostSend?: number, lostReceive?: number];
}

/** One record as the kernel writes it: a server on 10.0.0.1:80, its client on 10.0.0.2:4000. */
export function record(fields: RecordFields): RecordMemory {
	const payload = typeof fields.data === "string" ? Buffer.from(fields.data, "latin1") : Buffer.alloc(0);
	const size = Math.max(layout.RECORD_BYTES + ((payload.length + 7) & ~7), layout.CLOSE_RECORD_BYTES);
	const bytes = new Uint8Array(size);
	const out = new DataView(bytes.buffer);
	const put64 = (at: number, value: number) => {
		out.setUint32(at, value % TWO_32, true);
		out.setUint32(at + 4, Math.floor(value / TWO_32), true);
	};
	put64(layout.RECORD_COOKIE, fields.cookie ?? 1);
	put64(layout.RECORD_TIME_NS, 5_000_000_000);
	put64(layout.RECORD_OFFSET, fields.offset ?? 0);
	out.setUint32(layout.RECORD_LENGTH, typeof fields.data === "number" ? fields.data : payload.length, true);
	out.setUint32(layout.RECORD_LOST, fields.lost ?? 0, true);
	out.setUint32(layout.RECORD_LOST_OTHER, fields.lostOther ?? 0, true);
	out.setUint32(layout.RECORD_BASE_SEND, 111, true);
	out.setUint32(layout.RECORD_BASE_RECV, 222, true);
	out.setUint16(layout.RECORD_LOCAL_PORT, 80, true);
	out.setUint16(layout.RECORD_REMOTE_PORT, fields.remotePort ?? 4000, true);
	out.setUint32(layout.RECORD_NETNS, 77, true);
	out.setUint32(layout.RECORD_PID, fields.pid ?? 0, true);
	bytes[layout.RECORD_IS_UDP] = fields.isUdp === true ? 1 : 0;
	bytes[layout.RECORD_FAMILY] = AF_INET;
	bytes[layout.RECORD_KIND] = fields.kind ?? layout.RECORD_DATA;
	bytes[layout.RECORD_ROLE] = fields.role ?? layout.ROLE_SERVER;
	bytes[layout.RECORD_DIRECTION] = fields.receive === true ? 1 : 0;
	bytes[layout.RECORD_CAUSE] = fields.cause ?? 0;
	bytes[layout.RECORD_FLAGS] = fields.flags ?? 0;
	bytes[layout.RECORD_LIBRARY] = layout.TLS_OPENSSL;
	bytes.set([10, 0, 0, 1], layout.RECORD_LOCAL);
	bytes.set([10, 0, 0, 2], layout.RECORD_REMOTE);
	bytes.set(payload, layout.RECORD_BYTES);
	if (fields.finals !== undefined) {
		put64(layout.CLOSE_RECORD_FINAL_SEND, fields.finals[0]);
		put64(layout.CLOSE_RECORD_FINAL_RECV, fields.finals[1]);
		out.setUint32(layout.CLOSE_RECORD_LOST_SEND, fields.finals[2] ?? 0, true);
		out.setUint32(layout.CLOSE_RECORD_LOST_RECV, fields.finals[3] ?? 0, true);
	}
	const memory = bytes.buffer;
	return { memory, bytes, words: new Uint32Array(memory), halves: new Uint16Array(memory) };
}

/** A translator, and what it says of each record as short text. */
export class Script {
	readonly translator: Translator;
	readonly #clock = new KernelClock();

	constructor(isSuccessor = false, copiesOnce = false) {
		this.translator = new Translator(new Processes(), this.#clock, isSuccessor, copiesOnce);
	}

	payload(fields: RecordFields): string[] {
		return this.#told((batch) => this.translator.payload(record(fields), 0, batch));
	}

	close(fields: RecordFields): string[] {
		return this.#told((batch) => this.translator.close(record({ kind: layout.RECORD_CLOSE, ...fields }), 0, batch));
	}

	/** Seconds after the records. */
	udpTick(secs: number, isLast = false): string[] {
		const nowUs = 5_000_000 + secs * 1_000_000 + this.#clock.offsetUs;
		return this.#told((batch) => this.translator.udp.tick(nowUs, isLast, batch));
	}

	closeLost(cookies: readonly number[]): string[] {
		return this.#told((batch) => this.translator.closeLost(cookies, batch));
	}

	#told(tell: (batch: CaptureEvent[]) => void): string[] {
		const batch: CaptureEvent[] = [];
		this.translator.startBatch();
		tell(batch);
		return batch.map(textOf);
	}
}

function aboveText({ layer, lower, library, fromStart }: OpenEvent): string {
	if (layer === "transport") return "";
	return ` ${layer} above ${lower} ${library}${fromStart ? "" : " late"}`;
}

function textOf(event: CaptureEvent): string {
	switch (event.kind) {
		case "open":
			return `open ${event.conn} ${event.role}${event.roleKnown ? "" : "?"} ${event.client.address}:${event.client.port} ${event.server.address}:${event.server.port} ${event.bases}${event.late === true ? " late" : ""}${aboveText(event)}`;
		case "bytes":
			return `bytes ${event.conn} ${event.dir} ${event.offset} ${Buffer.from(event.data).toString("latin1")}`;
		case "datagram":
			return `datagram ${event.conn} ${event.dir} ${Buffer.from(event.data).toString("latin1")}`;
		case "gap":
			return `gap ${event.conn} ${event.dir} ${event.offset}+${event.length} ${event.cause}${event.isFinal === true ? " final" : ""}`;
		case "end":
			return `end ${event.conn} ${event.dir} ${event.finalOffset} ${event.how}`;
		case "close":
			return `close ${event.conn}`;
		default:
			return event.kind;
	}
}
