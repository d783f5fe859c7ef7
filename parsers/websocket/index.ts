/**
 * WebSocket (RFC 6455) with permessage-deflate (RFC 7692), taken over from the Upgrade of HTTP/1.1 or a CONNECT of HTTP/2
 * (RFC 8441). Each message is a record of kind `message` whose parent is the handshake. See
 * docs/reference/protocols/websocket.md for attributes, flags and limits.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { WebSocketParser } from "./parser.js";

const websocket: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "websocket",
	summary: "WebSocket on HTTP/1.1 and HTTP/2: messages, fragments, compression, pings, closes",
	readsOnly: true,
	detect,
	create: (context) => new WebSocketParser(context),
};

export default websocket;
