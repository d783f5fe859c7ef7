import type { Sample } from "../sample.js";
import { a, edns, framed, message, RESPONSE } from "./talk.js";

export const samples: readonly Sample[] = [
	{
		client: framed(message({ asked: "www.example.test", additional: [edns] })),
		server: framed(message({ asked: "www.example.test", bits: RESPONSE, answers: [a(192, 0, 2, 1)] })),
	},
];
