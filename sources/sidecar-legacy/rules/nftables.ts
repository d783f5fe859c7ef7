import type { RuleSet } from "./rule-set.js";

/** One table of its own: installed and removed as a whole, in one transaction. */
export function nftInstall({ table, comment, direction, ports, listenPorts, uid }: RuleSet): string {
	const list = `{ ${ports.join(", ")} }`;
	const redirect = (["ipv4", "ipv6"] as const)
		.filter((family) => listenPorts[family] !== null)
		.map((family) => `		meta nfproto ${family} tcp dport ${list} redirect to :${listenPorts[family]}\n`)
		.join("");
	const chain =
		direction === "inbound"
			? `	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
${redirect}	}
`
			: `	chain output {
		type nat hook output priority -100; policy accept;
		meta skuid ${uid} return
${redirect}	}
`;
	// the first line makes the second one possible where there is no such table yet
	return `add table inet ${table}
delete table inet ${table}
table inet ${table} {
	comment "${comment}"
${chain}}
`;
}

/** Nothing new is redirected. What redirects stays: without such a rule the kernel forgets the connections that were. */
export const nftRelease = ({ table, direction }: Pick<RuleSet, "table" | "direction">): string =>
	`insert rule inet ${table} ${direction === "inbound" ? "prerouting" : "output"} return comment "released"
`;

export const nftRemove = ({ table }: Pick<RuleSet, "table">): string => `add table inet ${table}
delete table inet ${table}
`;

/** Fails where the table is not there. */
export const nftList = ({ table }: Pick<RuleSet, "table">): readonly string[] => ["list", "table", "inet", table];
