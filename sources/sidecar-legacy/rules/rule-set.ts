import { PolytapError } from "../../../core/index.js";
import { parseAddress } from "../address.js";
import { listenAddresses, type SidecarOptions } from "../options.js";

/** What is redirected where, independent of what writes it. */
export interface RuleSet {
	/** `polytap_NAME`: also how it is found again. */
	readonly table: string;
	readonly comment: string;
	readonly direction: "inbound" | "outbound";
	readonly ports: readonly number[];
	/** Where connections of each address family go; null: the relay does not listen there, so they are left alone. */
	readonly listenPorts: { readonly ipv4: number | null; readonly ipv6: number | null };
	/** Whose connections are not redirected. */
	readonly uid: number;
}

/** Null: the options redirect nothing. `name` is that of the source in the config. */
export function ruleSetOf(name: string, options: SidecarOptions, ownUid: number): RuleSet | null {
	if (options.redirect === undefined) return null;
	const { ports, uid = ownUid } = options.redirect;
	return {
		table: `polytap_${name.replaceAll(/[^A-Za-z0-9]/g, "_").slice(0, 20)}`,
		comment: "polytap sidecar-rules",
		direction: options.direction,
		ports,
		listenPorts: portsOf(listenAddresses(options)),
		uid,
	};
}

/** A relay on `[::]` takes IPv4, too. */
function portsOf(addresses: readonly string[]): RuleSet["listenPorts"] {
	const ends = addresses.flatMap((text) => parseAddress(text) ?? []);
	const ipv6 = ends.find(({ address }) => address.includes(":"));
	const ipv4 = ends.find(({ address }) => !address.includes(":")) ?? ends.find(({ address }) => address === "::");
	for (const end of [ipv4, ipv6])
		if (end?.port === 0)
			throw new PolytapError(
				"SIDECAR_RULES_FAILED",
				"port 0 of `listen` is chosen when the relay starts: nothing can be redirected to it before",
				"give `listen` a port, or use `redirect.manage: true`",
			);
	return { ipv4: ipv4?.port ?? null, ipv6: ipv6?.port ?? null };
}
