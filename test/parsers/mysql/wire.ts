/** Packets of MySQL's protocol, for tests. */
import { deflateSync } from "node:zlib";

export const CAN = {
	longPassword: 1,
	withDb: 8,
	compress: 0x20,
	protocol41: 0x200,
	ssl: 0x800,
	secure: 0x8000,
	pluginAuth: 0x80000,
	connectAttributes: 0x100000,
	lenencAuth: 0x200000,
	sessionTrack: 0x800000,
	deprecateEof: 0x1000000,
	zstd: 0x4000000,
	queryAttributes: 0x8000000,
};
export const USUAL =
	CAN.longPassword | CAN.withDb | CAN.protocol41 | CAN.secure | CAN.pluginAuth | CAN.sessionTrack | CAN.deprecateEof;

export type Piece = number | string | Buffer;

/** Numbers are bytes, strings UTF-8. */
export const bytes = (...pieces: readonly Piece[]): Buffer =>
	Buffer.concat(pieces.map((piece) => (typeof piece === "number" ? Buffer.from([piece]) : Buffer.from(piece))));

export function packet(sequence: number, ...pieces: readonly Piece[]): Buffer {
	const payload = bytes(...pieces);
	const packets: Buffer[] = [];
	for (let at = 0; at <= payload.length; at += 0xffffff) {
		const part = payload.subarray(at, at + 0xffffff);
		const header = Buffer.alloc(4);
		header.writeUIntLE(part.length, 0, 3);
		header[3] = sequence + packets.length;
		packets.push(header, part);
		if (part.length < 0xffffff) break;
	}
	return Buffer.concat(packets);
}

export const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
export function u32(value: number): Buffer {
	const buffer = Buffer.alloc(4);
	buffer.writeUInt32LE(value >>> 0);
	return buffer;
}

export function lenenc(value: string | Buffer): Buffer {
	const content = Buffer.from(value);
	if (content.length < 0xfb) return bytes(content.length, content);
	if (content.length < 0x10000) return bytes(0xfc, u16(content.length), content);
	if (content.length < 0x1000000) return bytes(0xfd, u16(content.length & 0xffff), content.length >> 16, content);
	return bytes(0xfe, u32(content.length), u32(0), content);
}

export interface Handshake {
	readonly server?: number;
	readonly client?: number;
	readonly version?: string;
	/** MariaDB's own capabilities of both. */
	readonly extended?: number;
	readonly sequence?: number;
}

export const SECRET = "hunter2-hunter2-abcd";

export function greeting({ server = 0xdfffffff, version = "8.0.36", extended = 0 }: Handshake = {}): Buffer {
	const own = extended === 0 ? server : server & ~1;
	return packet(
		0,
		10,
		`${version}\0`,
		u32(77),
		"saltsalt",
		0,
		u16(own & 0xffff),
		255,
		u16(2),
		u16(own >>> 16),
		21,
		Buffer.alloc(6),
		u32(extended),
		"moresaltsalt\0",
		"mysql_native_password\0",
	);
}

export function login({ client = USUAL, extended = 0, sequence = 1 }: Handshake = {}): Buffer {
	const own = extended === 0 ? client : client & ~1;
	return packet(
		sequence,
		u32(own),
		u32(1 << 24),
		45,
		Buffer.alloc(19),
		u32(extended),
		"app\0",
		SECRET.length,
		SECRET,
		"shop\0",
		"mysql_native_password\0",
		// the level of compression
		client & CAN.zstd ? 3 : "",
	);
}

export interface Ok {
	readonly affected?: number;
	readonly id?: number;
	readonly status?: number;
	readonly warnings?: number;
	readonly first?: number;
}

export const ok = (sequence: number, { affected = 0, id = 0, status = 2, warnings = 0, first = 0 }: Ok = {}): Buffer =>
	packet(sequence, first, affected, id, u16(status), u16(warnings));
export const eof = (sequence: number, status = 2): Buffer => packet(sequence, 0xfe, u16(0), u16(status));
export const err = (sequence: number, code: number, state: string, message: string): Buffer =>
	packet(sequence, 0xff, u16(code), `#${state}`, message);
export const query = (text: string): Buffer => packet(0, 3, text);
export const ping = (): Buffer => packet(0, 0x0e);

export interface ColumnShape {
	readonly name: string;
	readonly type: number;
	readonly charset?: number;
	readonly flags?: number;
	readonly decimals?: number;
	readonly extended?: string;
}

export function column(sequence: number, shape: ColumnShape): Buffer {
	const { name, type, charset = 45, flags = 0, decimals = 0, extended } = shape;
	return packet(
		sequence,
		lenenc("def"),
		lenenc("shop"),
		lenenc("t"),
		lenenc("t"),
		lenenc(name),
		lenenc(name),
		extended === undefined ? "" : lenenc(bytes(0, lenenc(extended))),
		12,
		u16(charset),
		u32(255),
		type,
		u16(flags),
		decimals,
		u16(0),
	);
}

export const textRow = (sequence: number, ...values: readonly (string | Buffer | null)[]): Buffer =>
	packet(sequence, ...values.map((value) => (value === null ? 0xfb : lenenc(value))));

/** A whole result with text rows, without EOFs unless `withEofs`. */
export function result(
	shapes: readonly ColumnShape[],
	rows: readonly (readonly (string | Buffer | null)[])[],
	{ status = 2, withEofs = false, from = 1 } = {},
): Buffer {
	let sequence = from;
	const packets = [packet(sequence++, shapes.length)];
	for (const shape of shapes) packets.push(column(sequence++, shape));
	if (withEofs) packets.push(eof(sequence++));
	for (const row of rows) packets.push(textRow(sequence++, ...row));
	packets.push(withEofs ? eof(sequence++, status) : ok(sequence++, { first: 0xfe, status }));
	return Buffer.concat(packets);
}

/** A compressed frame; short ones stay as they are, as servers do. */
export function frame(
	sequence: number,
	content: Buffer,
	isDeflated = content.length >= 50,
	compress: (content: Buffer) => Buffer = deflateSync,
): Buffer {
	const inside = isDeflated ? compress(content) : content;
	const header = Buffer.alloc(7);
	header.writeUIntLE(inside.length, 0, 3);
	header[3] = sequence;
	header.writeUIntLE(isDeflated ? content.length : 0, 4, 3);
	return bytes(header, inside);
}

export type Step = readonly [dir: 0 | 1, ...packets: Buffer[]];

export const handshake = (options: Handshake = {}): Step[] => [
	[1, greeting(options)],
	[0, login(options)],
	[1, ok((options.sequence ?? 1) + 1)],
];
