/** Frames of HTTP/2 (RFC 9113) and field blocks of HPACK (RFC 7541) without Huffman coding, for tests. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const Type = { data: 0, headers: 1, reset: 3, settings: 4, push: 5, ping: 6, goaway: 7, window: 8 } as const;
export const END_STREAM = 1;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array | string = ""): Buffer {
	const body = Buffer.from(payload as string, "latin1");
	const head = Buffer.alloc(9);
	head.writeUIntBE(body.length, 0, 3);
	head[3] = type;
	head[4] = flags;
	head.writeUInt32BE(stream, 5);
	return Buffer.concat([head, body]);
}

/** Literal fields, new names; those whose name begins with `+` go to the dynamic table. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
	const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
	return Buffer.concat(
		fields.flatMap(([name, value]) => {
			const isKept = name.startsWith("+");
			return [Buffer.from([isKept ? 0x40 : 0]), text(isKept ? name.slice(1) : name), text(value)];
		}),
	);
}

/** A field of the dynamic table, newest first. */
export const indexed = (index: number): Buffer => Buffer.from([0x80 | (62 + index)]);
