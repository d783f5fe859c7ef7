import type { RuleSet } from "./rule-set.js";

/** Longest name of a chain. */
const CHAIN_CHARACTERS = 28;
const chainOf = (table: string): string => table.toUpperCase().slice(0, CHAIN_CHARACTERS);

/** Arguments of `iptables` and of `ip6tables`, in order. */
export function iptablesInstall(rules: RuleSet): readonly (readonly string[])[] {
	const chain = chainOf(rules.table);
	const hook = hookOf(rules);
	const own = ["-m", "owner", "--uid-owner", String(rules.uid)];
	return [
		["-t", "nat", "-N", chain],
		...(rules.direction === "outbound" ? [["-t", "nat", "-A", chain, ...own, "-j", "RETURN"]] : []),
		...rules.ports.map((port) => [
			...["-t", "nat", "-A", chain, "-p", "tcp", "--dport", String(port)],
			...["-j", "REDIRECT", "--to-ports", String(rules.listenPort)],
		]),
		["-t", "nat", "-A", hook, "-m", "comment", "--comment", rules.comment, "-j", chain],
	];
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
