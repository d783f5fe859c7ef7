/**
 * DNS (RFC 1035, EDNS of RFC 6891), in datagrams and in streams. One exchange for each question and its answer, paired by their
 * number. See docs/reference/protocols/dns.md for attributes, bodies and limits.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { DnsParser } from "./parser.js";

const dns: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "dns",
	summary: "DNS over UDP and TCP: questions and answers, EDNS, zone transfers, NOTIFY, UPDATE",
	readsOnly: true,
	transports: ["tcp", "udp", "unix"],
	detect,
	create: (context) => new DnsParser(context),
};

export default dns;
