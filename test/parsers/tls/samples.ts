import type { Sample } from "../sample.js";

const u16 = (value: number): number[] => [value >> 8, value & 255];
const extension = (kind: number, data: readonly number[]): number[] => [...u16(kind), ...u16(data.length), ...data];
const named = (text: string): number[] => [...Buffer.from(text)];

function record(type: number, body: readonly number[]): Buffer {
	const message = [type, 0, ...u16(body.length), ...body];
	return Buffer.from([22, 3, 1, ...u16(message.length), ...message]);
}
const random = Array.from({ length: 32 }, (_, i) => i);
const name = named("db.example.test");
const alpn = named("postgresql");
const offered = [
	...extension(0, [...u16(name.length + 3), 0, ...u16(name.length), ...name]),
	...extension(16, [...u16(alpn.length + 1), alpn.length, ...alpn]),
];
const chosen = extension(43, [3, 4]);

export const samples: readonly Sample[] = [
	{
		client: record(1, [3, 3, ...random, 0, ...u16(2), 0x13, 1, 1, 0, ...u16(offered.length), ...offered]),
		server: record(2, [3, 3, ...random, 0, 0x13, 1, 0, ...u16(chosen.length), ...chosen]),
	},
];
