/** What tshark says about the messages of one protocol in a capture. */
import { readFile } from "node:fs/promises";
import type { Dialect, DissectedMessage } from "./dialect.js";
import { inside, tshark } from "./tshark.js";

/** By `address:port>address:port` of client and server. */
export type Conversations = Map<string, DissectedMessage[]>;

/** `servers`: those ends that polytap takes for servers, as `address:port`; else the end that speaks first is the client. */
export async function messagesByTshark(
	file: string,
	dialect: Dialect,
	servers: ReadonlySet<string>,
	scratch: string,
): Promise<Conversations> {
	const { layer, layers = [] } = dialect;
	const ports = new Set([...servers].map((end) => end.slice(end.lastIndexOf(":") + 1)));
	const decoding = ["-o", "tcp.reassemble_out_of_order:TRUE"];
	for (const port of ports) decoding.push("-d", `tcp.port==${port},${layer}`);
	const wanted = ["ip", "ipv6", "tcp", "udp", layer, ...layers].join(" ");
	await tshark(file, [...decoding, "-Y", layer, "-T", "json", "--no-duplicate-keys", "-J", wanted], scratch);
	const packets: unknown = JSON.parse((await readFile(scratch, "utf8")) || "[]");
	const conversations: Conversations = new Map();
	const clients = new Map<string, string>();
	for (const packet of Array.isArray(packets) ? packets : []) {
		const tree = inside(inside(packet, "_source"), "layers");
		const ip = inside(tree, "ip") ?? inside(tree, "ipv6");
		const ports = inside(tree, "tcp") ?? inside(tree, "udp");
		const end = (which: "src" | "dst"): string =>
			`${inside(ip, `ip.${which}`) ?? inside(ip, `ipv6.${which}`)}:${inside(ports, `tcp.${which}port`) ?? inside(ports, `udp.${which}port`)}`;
		const [from, to] = [end("src"), end("dst")];
		const pair = [from, to].sort().join(" ");
		const guessed = servers.has(from) && !servers.has(to) ? to : from;
		const client = clients.get(pair) ?? guessed;
		clients.set(pair, client);
		const server = client === from ? to : from;
		const key = `${client}>${server}`;
		const messages = conversations.get(key) ?? [];
		conversations.set(key, messages);
		const found = inside(tree, layer);
		for (const each of Array.isArray(found) ? found : [found])
			if (each !== undefined) messages.push({ dir: from === client ? 0 : 1, tree: each });
	}
	return conversations;
}
