import { type Captured, START_US } from "./files.js";
import { ACK, ethernet, FIN, ipv4, PSH, RST, SYN, TCP, tcp } from "./frames.js";

export type Speaker = "client" | "server";

export interface TalkOptions {
	/** Initial sequence numbers: the first byte has the next one. */
	readonly isn?: readonly [number, number];
	readonly ports?: readonly [number, number];
	readonly startUs?: number;
	/** How a segment becomes a frame. */
	readonly wrap?: (segment: Uint8Array, from: Speaker) => Uint8Array;
}

export const CLIENT = "10.0.0.1";
export const SERVER = "10.0.0.2";

export const overEthernet = (segment: Uint8Array, from: Speaker): Uint8Array => ethernet(overIpv4(segment, from));
export const overIpv4 = (segment: Uint8Array, from: Speaker): Uint8Array =>
	from === "client" ? ipv4(CLIENT, SERVER, TCP, segment) : ipv4(SERVER, CLIENT, TCP, segment);

/** Writes down a TCP connection: each call is a packet, 100 microseconds after the one before. */
export class Talk {
	packets: Captured[] = [];
	nowUs: number;
	readonly next: Record<Speaker, number>;
	private readonly isn: readonly [number, number];
	private readonly ports: readonly [number, number];
	private readonly wrap: (segment: Uint8Array, from: Speaker) => Uint8Array;

	constructor({ isn = [1000, 2000], ports = [40_000, 80], startUs = START_US, wrap = overEthernet }: TalkOptions = {}) {
		this.isn = isn;
		this.ports = ports;
		this.nowUs = startUs;
		this.wrap = wrap;
		this.next = { client: (isn[0] + 1) >>> 0, server: (isn[1] + 1) >>> 0 };
	}

	handshake(): this {
		this.send("client", SYN, { seq: this.isn[0], ack: 0 });
		this.send("server", SYN | ACK, { seq: this.isn[1] });
		return this.send("client", ACK);
	}

	/** A segment with data; what comes after it is what the speaker says next. */
	say(from: Speaker, data: string | Uint8Array): this {
		const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
		this.send(from, ACK | PSH, { data: bytes });
		this.next[from] = (this.next[from] + bytes.length) >>> 0;
		return this;
	}

	fin(from: Speaker): this {
		this.send(from, FIN | ACK);
		this.next[from] = (this.next[from] + 1) >>> 0;
		return this;
	}

	ack(from: Speaker): this {
		return this.send(from, ACK);
	}

	rst(from: Speaker): this {
		return this.send(from, RST | ACK);
	}

	/** Both directions end, as they should. */
	goodbye(): this {
		return this.fin("client").fin("server").ack("client");
	}

	/** Any segment; without more it is the next one of that side. */
	send(
		from: Speaker,
		flags: number,
		{ seq, ack, data }: { readonly seq?: number; readonly ack?: number; readonly data?: Uint8Array } = {},
	): this {
		const other: Speaker = from === "client" ? "server" : "client";
		const [mine, theirs] = from === "client" ? this.ports : [this.ports[1], this.ports[0]];
		const segment = tcp({
			from: mine,
			to: theirs,
			seq: seq ?? this.next[from],
			ack: ack ?? this.next[other],
			flags,
			...(data === undefined ? {} : { data }),
		});
		this.packets.push({ tsUs: this.nowUs, frame: this.wrap(segment, from) });
		this.nowUs += 100;
		return this;
	}

	/** The packet sent last never reached the capture. */
	lose(): this {
		this.packets.pop();
		return this;
	}

	/** The last two packets were captured the other way round. */
	swap(): this {
		const [a, b] = this.packets.splice(-2);
		this.packets.push({ ...b!, tsUs: a!.tsUs }, { ...a!, tsUs: b!.tsUs });
		return this;
	}

	wait(us: number): this {
		this.nowUs += us;
		return this;
	}
}
