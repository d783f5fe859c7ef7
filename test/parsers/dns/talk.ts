/** Messages of DNS by hand. */
const u16 = (value: number): number[] => [value >> 8, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
export const name = (text: string): number[] =>
	text === "." ? [0] : [...text.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]), 0];

export interface Answer {
	readonly type: number;
	readonly data: readonly number[];
}

export interface Said {
	readonly id?: number;
	readonly bits?: number;
	readonly asked: string;
	readonly type?: number;
	readonly answers?: readonly Answer[];
	readonly authority?: readonly Answer[];
	readonly additional?: readonly (readonly number[])[];
}

/** Its name points to the question's. */
const record = ({ type, data }: Answer): number[] => [
	...[0xc0, 12],
	...u16(type),
	...u16(1),
	...u32(60),
	...u16(data.length),
	...data,
];

export function message(said: Said): Buffer {
	const { id = 7, bits = 0x0100, asked, type = 1, answers = [], authority = [], additional = [] } = said;
	const counts = [1, answers.length, authority.length, additional.length].flatMap(u16);
	const question = [...name(asked), ...u16(type), ...u16(1)];
	return Buffer.from([
		...u16(id),
		...u16(bits),
		...counts,
		...question,
		...answers.flatMap(record),
		...authority.flatMap(record),
		...additional.flat(),
	]);
}

const COOKIE = [...u16(10), ...u16(8), 1, 2, 3, 4, 5, 6, 7, 8];
const SUBNET = [...u16(8), ...u16(7), 0, 1, 24, 0, 192, 0, 2];
/** EDNS, with a cookie and a subnet of the client. */
export const edns = [
	0,
	...u16(41),
	...u16(1232),
	0,
	0,
	0x80,
	0,
	...u16(COOKIE.length + SUBNET.length),
	...COOKIE,
	...SUBNET,
];

export const soa = (serial: number): Answer => ({
	type: 6,
	data: [...name("ns.test"), ...name("admin.test"), ...u32(serial), ...u32(1), ...u32(2), ...u32(3), ...u32(4)],
});
export const a = (...address: readonly number[]): Answer => ({ type: 1, data: address });

/** As it stands in a stream. */
export const framed = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from(u16(bytes.length)), bytes]);

export const RESPONSE = 0x8180;
