import type { ParserPlugin } from "../../core/index.js";

const body = "0123456789".repeat(10);
const chunked = `${"64\r\n"}${body}\r\n0\r\n\r\n`;

const get = "GET /orders/7?page=2 HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\n\r\n";
const ok = `HTTP/1.1 200 OK\r\nServer: example\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n${body}`;
const post = `POST /orders HTTP/1.1\r\nHost: example.test\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n${body}`;
const created = `HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`;

/** What most connections say most of the time. */
export const example: NonNullable<ParserPlugin["example"]> = [
	{ from: "client", text: get },
	{ from: "server", text: ok },
	{ from: "client", text: get },
	{ from: "server", text: ok },
	{ from: "client", text: post },
	{ from: "server", text: created },
	{ from: "client", text: get.slice(0, 30) },
	{ from: "client", text: get.slice(30) },
	{ from: "server", text: ok.slice(0, 120) },
	{ from: "server", text: ok.slice(120) },
];
