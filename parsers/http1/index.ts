/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9112). One exchange for each request and its response, interim responses inside.
 *
 * Attributes of a request: `http.request.method`, `url.path`, `url.query` where there is one, `url.full` where the target
 * is a whole URL, `server.address` and `server.port` instead of those for CONNECT, `network.protocol.version`. Of a
 * response: `http.response.status_code`, `network.protocol.version`. Names and values of headers are as they came, latin-1.
 *
 * Flags: `request-smuggling-shape` (two readers may disagree where the message ends: both lengths, differing lengths, a
 * request whose last transfer coding is not `chunked`, `Transfer-Encoding` in HTTP/1.0, white space before a colon),
 * `bare-lf` (a line that ends without CR).
 *
 * What follows a 101 goes to the parser that `Upgrade` names, with the hints of `upgrade.ts`; what follows a successful
 * CONNECT to whoever detects it. The exchange that led there is the parent.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { example } from "./example.js";
import { Http1Parser } from "./parser.js";

const http1: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "http/1.1",
	summary: "HTTP/1.0 and HTTP/1.1: requests and responses with headers, bodies and trailers",
	readsOnly: true,
	example,
	detect,
	create: (context) => new Http1Parser(context),
};

export default http1;
