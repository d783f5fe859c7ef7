import { parseAddress } from "../address.js";
import { listenAddresses, type SidecarOptions } from "../options.js";

/** What is redirected where, independent of what writes it. */
export interface RuleSet {
	/** `polytap_NAME`: also how it is found again. */
	readonly table: string;
	readonly comment: string;
	readonly direction: "inbound" | "outbound";
	readonly ports: readonly number[];
	readonly listenPort: number;
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
		listenPort: parseAddress(listenAddresses(options)[0] ?? "")?.port ?? 0,
		uid,
	};
}
