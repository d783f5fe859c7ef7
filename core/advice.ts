/** What the engine tells a source of one of its connections, so that nobody captures what nobody wants. */
import type { Direction } from "./events.js";

/**
 * `ignore`: no sink wants any record of it. `cuttable`: its parser knows what is payload, so that parts of large payloads may
 * be left out where the source must save. `skip`: in this direction nothing is needed before this position. `covered`: another
 * source tells the plaintext of what passes here encrypted, so that only its places and times are needed; `uncovered`: it does
 * no longer. A source may follow late or not at all. What it leaves out of a connection that is not ignored it tells as gaps.
 */
export type Advice =
	| { readonly kind: "ignore" }
	| { readonly kind: "cuttable" }
	| { readonly kind: "covered" }
	| { readonly kind: "uncovered" }
	| { readonly kind: "skip"; readonly dir: Direction; readonly to: number };

/** A connection as far as it is known when its protocol is. */
export interface AdviceSubject {
	readonly protocol: string;
	/** No other protocol comes out of it. */
	readonly isLeaf: boolean;
	readonly serverPort: number;
	/** The connection's id. */
	readonly id: string;
}
