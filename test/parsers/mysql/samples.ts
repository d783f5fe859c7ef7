import type { Sample } from "../sample.js";

function packet(number: number, ...parts: readonly (string | readonly number[])[]): Buffer {
	const payload = Buffer.concat(
		parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
	);
	return Buffer.concat([Buffer.from([payload.length & 255, payload.length >> 8, 0, number]), payload]);
}
const zeros = (count: number): number[] => new Array<number>(count).fill(0);

const greeting = packet(
	0,
	[10],
	"8.0.36\0",
	[7, 0, 0, 0],
	"abcdefgh",
	[0, 0xff, 0xff, 0xff, 2, 0, 0xff, 0xdf, 21],
	zeros(10),
	"ijklmnopqrst\0",
	"caching_sha2_password\0",
);
const login = packet(1, [0x85, 0xa6, 0xff, 0x01, 0, 0, 0, 1, 45], zeros(23), "alice\0", [0], "caching_sha2_password\0");

export const samples: readonly Sample[] = [{ client: login, server: greeting }];
