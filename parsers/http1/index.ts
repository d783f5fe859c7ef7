/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9112). Attributes of a request: `http.request.method`, `url.path`, `url.query`, `url.full`
 * (absolute-form only), `server.address` (CONNECT only), `network.protocol.version`; of a response:
 * `http.response.status_code`, `network.protocol.version`. Flags: `request-smuggling-shape`, `bare-lf`, `bad-chunk-end`.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detect.js";
import { example } from "./example.js";
import { Http1Parser } from "./http1-parser.js";

const plugin: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "http/1.1",
	summary: "HTTP/1.0 and HTTP/1.1",
	readsOnly: true,
	example,
	detect,
	create: (context) => new Http1Parser(context),
};

export default plugin;
