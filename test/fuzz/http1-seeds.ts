/** Conversations that the HTTP/1.x fuzzer breaks: what the client says, what the server says. */
export interface Talk {
	readonly client: Uint8Array;
	readonly server: Uint8Array;
}

const talk = (client: string, server: string): Talk => ({
	client: latin1(client),
	server: latin1(server),
});

/** In memory of its own: mutations work in place. */
function latin1(text: string): Uint8Array {
	return Uint8Array.from(Buffer.from(text, "latin1"));
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

export const TALKS: readonly Talk[] = [
	talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK),
	talk("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2?q=1 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\n\r\n", OK + OK + OK),
	talk(
		"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
		`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`,
	),
	talk(
		"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\na\r\nF\r\n0123456789abcde\r\n0\r\nX-T: 2\r\nX-U: 3\r\n\r\n" +
			OK,
	),
	talk(
		"HEAD / HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\nGET /same HTTP/1.1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	),
	talk("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"),
	talk(
		"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
	),
	talk(
		"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\n\r\n",
		OK + OK,
	),
	talk(
		"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n\x16\x03\x01\x00\x05hello",
		"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03\x00\x05hello",
	),
	talk(
		"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\nContent-Length : 0\r\nContent-Length: 0\r\n\r\n",
		`HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n${OK}`,
	),
	talk(
		"\r\n\nGET http://a.test:81/x?y HTTP/1.1\nHost: a.test\nX-Long: one\n two\n\tthree\n\nOPTIONS * HTTP/1.1\n\n",
		`HTTP/1.1 200\nContent-Length: 0\n\n${OK}`,
	),
	talk(
		`GET /big HTTP/1.1\r\n${Array.from({ length: 40 }, (_, i) => `X-${i}: ${"v".repeat(i)}\r\n`).join("")}\r\n`,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	),
	talk(
		`PUT /large HTTP/1.1\r\nContent-Length: 3000\r\n\r\n${"p".repeat(3000)}GET / HTTP/1.1\r\n\r\n`,
		`HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno${OK}`,
	),
	talk("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
];

/** What is put into a stream to reach rare states. */
export const WORDS: readonly Uint8Array[] = [
	"\r\n",
	"\n",
	"\r",
	"\r\n\r\n",
	"\n\n",
	"0\r\n\r\n",
	"ffffffffffff\r\n",
	"fffffffffffffffffffffff\r\n",
	"Content-Length: 18446744073709551616\r\n",
	"Content-Length: -1\r\n",
	"Content-Length: 7, 7\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Transfer-Encoding: identity\r\n",
	"Transfer-Encoding: gzip\r\n",
	"Upgrade: websocket\r\nConnection: upgrade\r\n",
	"Expect: 100-continue\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT a:1 HTTP/1.1\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 999 \r\n",
	"HTTP/1.",
	" : ",
	"\0",
	"\xff\xfe",
].map(latin1);
