/**
 * HTTP/2 (RFC 9113, RFC 7541). An exchange is a stream; responses pair with requests by its number. Attributes:
 * `http.request.method`, `url.path`, `url.query`, `url.scheme`, `server.address`, `server.port` (of `:authority`),
 * `http.response.status_code`, `network.protocol.version`, `http2.protocol` (of `:protocol`, RFC 8441). Headers are those
 * that are no pseudo-fields. A pushed response is a `message` whose parent is the request it was promised with, with the
 * promised request's attributes. What a stream of a successful CONNECT carries is read by a parser of its own.
 *
 * Annotations of exchanges: `http2.reset.*`, `http2.goaway.*`, `http2.flow_control.*`, `http2.ping.round_trip_us`. Settings,
 * counts and reasons of the connection are in its `connection` record.
 *
 * Flags: `headers-unknown` (a name or value points before what was seen: it reads `<unknown>`), `headers-cut` (beyond 256 KiB
 * or 1000 fields), `header-block-lost` (too large, or undecodable), `malformed-headers`, `request-smuggling-shape` (another
 * reader may see another message: `transfer-encoding`, line ends in values, a length that is not that of the data),
 * `stream-cap`, `frames-lost`.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { Http2Parser } from "./parser.js";

const http2: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "http/2",
	summary: "HTTP/2: streams with headers, bodies, trailers and pushes; prior knowledge, h2c upgrade, joined late",
	readsOnly: true,
	detect,
	create: (context) => new Http2Parser(context),
};

export default http2;
