import type { RuleSet } from "./rule-set.js";

/** Longest name of a chain. */
const CHAIN_CHARACTERS = 28;
const chainOf = (table: string): string => table.toUpperCase().slice(0, CHAIN_CHARACTERS);

export const FAMILIES = [
	{ command: "iptables", family: "ipv4" },
	{ command: "ip6tables", family: "ipv6" },
] as const;

/** Arguments of `iptables` or of `ip6tables`, in order; none where that family is left alone. */
export function iptablesInstall(rules: RuleSet, family: "ipv4" | "ipv6"): readonly (readonly string[])[] {
	const port = rules.listenPorts[family];
	if (port === null) return [];
	const chain = chainOf(rules.table);
	const hook = hookOf(rules);
	const own = ["-m", "owner", "--uid-owner", String(rules.uid)];
	return [
		["-t", "nat", "-N", chain],
		...(rules.direction === "outbound" ? [["-t", "nat", "-A", chain, ...own, "-j", "RETURN"]] : []),
		...rules.ports.map((dport) => [
			...["-t", "nat", "-A", chain, "-p", "tcp", "--dport", String(dport)],
			...["-j", "REDIRECT", "--to-ports", String(port)],
		]),
		["-t", "nat", "-A", hook, "-m", "comment", "--comment", rules.comment, "-j", chain],
	];
}

/** Nothing new is redirected. What redirects stays: without such a rule the kernel forgets the connections that were. */
export function iptablesRelease(rules: RuleSet, family: "ipv4" | "ipv6"): readonly (readonly string[])[] {
	if (rules.listenPorts[family] === null) return [];
	return [["-t", "nat", "-I", chainOf(rules.table), "-m", "comment", "--comment", "released", "-j", "RETURN"]];
}

/** The same; each may fail where there is nothing to remove. */
export function iptablesRemove(
	rules: Pick<RuleSet, "table" | "direction" | "comment">,
): readonly (readonly string[])[] {
	const chain = chainOf(rules.table);
	return [
		["-t", "nat", "-D", hookOf(rules), "-m", "comment", "--comment", rules.comment, "-j", chain],
		["-t", "nat", "-F", chain],
		["-t", "nat", "-X", chain],
	];
}

const hookOf = ({ direction }: Pick<RuleSet, "direction">): string =>
	direction === "inbound" ? "PREROUTING" : "OUTPUT";
