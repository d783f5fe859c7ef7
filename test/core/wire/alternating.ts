/** Exchanges of one shape after another, and of shapes that alternate: what writers keep of one must not show in the next. */
import type { Exchange } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../engine/harness.js";

/** `look` gets each as it comes out of the engine. Returns how many. */
export function alternating(look: (exchange: Exchange) => void): number {
	// the real parser: it gives the same head again for the same bytes, from the second time on
	let pseudo = 1;
	const pick = <T>(list: readonly T[]): T => {
		pseudo = (Math.imul(pseudo, 1_103_515_245) + 12_345) >>> 0;
		return list[(pseudo >>> 16) % list.length]!;
	};
	const requests = ["GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"];
	const heads = [
		"HTTP/1.1 200 OK\r\nServer: one\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	];
	const bodies = ["hello", "world", 'q"ote', "tab\tx", "gr\u00fc\u00e9!"];
	const pauses = [0, 1, 9, 10, 95, 990, 123_456, 999_990, 2_000_000];
	let count = 0;
	for (const roles of [["server"], ["client"], ["server", "client"]] as const) {
		const h = new Harness({ requestTimeoutUs: 1e13 }, [http1]);
		for (const conn of [1, 2])
			roles.forEach((role, i) => {
				h.open(conn * 10 + i, role, { client: { address: "10.0.0.1", port: 4000 + conn }, bases: [conn, 7] });
			});
		const at = { 1: [0, 0], 2: [0, 0] };
		for (let n = 0; n < 400; n++) {
			const conn = pick([1, 1, 1, 2] as const);
			const request = n % 40 < 20 ? requests[0]! : pick(requests);
			const head = n % 40 < 20 ? heads[0]! : pick(heads);
			const body = pick(n % 3 === 0 ? bodies : bodies.slice(0, 2));
			const response = head + (head.includes("chunked") ? `5\r\n${body.slice(0, 5)}\r\n0\r\n\r\n` : body.slice(0, 5));
			const [requestAt, responseAt] = at[conn] as [number, number];
			for (let i = 0; i < roles.length; i++) h.bytes(0, requestAt, request, conn * 10 + i);
			h.nowUs += pick(pauses);
			for (let i = 0; i < roles.length; i++) h.bytes(1, responseAt, response, conn * 10 + i);
			at[conn] = [requestAt + request.length, responseAt + response.length];
			if (roles.length > 1) h.pass(60_000);
			for (const exchange of h.exchanges.splice(0)) {
				look(exchange);
				count++;
			}
		}
	}
	return count;
}
