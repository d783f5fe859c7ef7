import type { Sample } from "../sample.js";

export const samples: readonly Sample[] = [
	{
		client: Buffer.from("GET /orders/7 HTTP/1.1\r\nHost: example.test\r\n\r\n"),
		server: Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
	},
	{
		client: Buffer.from("POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx"),
		server: Buffer.from("HTTP/1.1 404 Not Found\r\n\r\n"),
	},
];
