/**
 * TLS, from outside: one `connection` record with what the hellos show (`tls.client.server_name`, `tls.client.protocols`,
 * `tls.protocol.version`, `tls.cipher`, `tls.next_protocol`: in TLS 1.3 the last is encrypted) and the bytes, counted.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { TlsParser } from "./parser.js";

const tls: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "tls",
	summary: "TLS from outside: server name, protocols, version and cipher of the handshake; the rest is counted",
	readsOnly: true,
	detect,
	create: () => new TlsParser(),
};

export default tls;
