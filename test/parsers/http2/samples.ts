import type { Sample } from "../sample.js";
import { block, END_STREAM, frame, PREFACE, Type } from "./encode.js";

const settings = frame(Type.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100]));
const ask = block([
	[":method", "GET"],
	[":path", "/orders/7"],
]);

export const samples: readonly Sample[] = [
	{
		client: Buffer.concat([PREFACE, settings, frame(Type.headers, 4 | END_STREAM, 1, ask)]),
		server: Buffer.concat([
			settings,
			frame(Type.settings, 1, 0),
			frame(Type.headers, 4, 1, Buffer.from([0x88])),
			frame(Type.data, END_STREAM, 1, "answer"),
		]),
	},
];
