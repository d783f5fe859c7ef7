import { runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface NamespacePair {
	/** Names, for `netns` of a Program. */
	readonly client: string;
	readonly server: string;
	/** The server's addresses, as the client reaches them. */
	readonly ipv4: string;
	readonly ipv6: string;
}

/** Where the addresses of a pair are from. */
export const CLIENT_NETWORKS = ["192.0.2.0/24", "2001:db8::/64"] as const;

let count = 0;
const ip = (...args: readonly string[]) => runProgram("ip", args, 60_000);

/** Two network namespaces with a cable between them, IPv4 and IPv6, removed at the end. */
export async function namespacePair(scope: Scope): Promise<NamespacePair> {
	const id = `${process.pid}-${count++}`;
	const client = `ptc-${id}`;
	const server = `pts-${id}`;
	for (const name of [client, server]) {
		await ip("netns", "add", name);
		scope.defer(() => ip("netns", "delete", name));
		await ip("-n", name, "link", "set", "lo", "up");
	}
	await ip("link", "add", "ptveth0", "netns", client, "type", "veth", "peer", "name", "ptveth0", "netns", server);
	for (const [name, last] of [
		[client, 1],
		[server, 2],
	] as const) {
		await ip("-n", name, "addr", "add", `192.0.2.${last}/24`, "dev", "ptveth0");
		await ip("-n", name, "addr", "add", `2001:db8::${last}/64`, "dev", "ptveth0", "nodad");
		await ip("-n", name, "link", "set", "ptveth0", "up");
	}
	return { client, server, ipv4: "192.0.2.2", ipv6: "2001:db8::2" };
}

/** Runs a command in a namespace and returns what it printed. */
export async function inside(netns: string, command: string, args: readonly string[]): Promise<string> {
	const { stdout } = await runProgram(command, args, 60_000, { netns });
	return stdout;
}
