import type { Exchange, ParserPlugin } from "../../../core/index.js";
import type { Conversation } from "./conversation.js";

export interface ParserKitOptions {
	/** What the parser is tried with. Without it: the plugin's own `example`. */
	readonly conversations?: readonly Conversation[];
	/** Parsers that hand over to it, or that it hands over to. */
	readonly with?: readonly ParserPlugin[];
	/**
	 * Where the plugin is the default export, as a URL or an absolute path: the kit then runs it in a process of its own,
	 * where a loop that never ends has a name, and, with `readsOnly`, on pages that cannot be written. A `readsOnly` parser needs it.
	 */
	readonly module?: string | URL;
	/** Modules of `with`, in the same order, for that process. */
	readonly withModules?: readonly (string | URL)[];
	/** Seed of everything random. Default 1. */
	readonly seed?: number;
	/** How many broken conversations are tried. Default 300. */
	readonly fuzzInputs?: number;
	/** At the most so many places for holes, late joins and ends in each conversation. Default 200. */
	readonly places?: number;
	/** Protocols of `OPENINGS` that it may take for its own. */
	readonly alsoSpeaks?: readonly string[];
	/**
	 * The bytes of a payload may look like a message of this protocol, and after a hole nobody can tell: messages that begin
	 * where none does are no breach then. A line protocol needs it, one with checksums does not.
	 */
	readonly mayMisread?: boolean;
	/**
	 * Where one end can cut short what the other one is sending (a stream's reset), nobody can tell what of it was sent before the
	 * cut came: that depends on which direction was read first. Of broken conversations that were offered in two ways only what
	 * this returns must be equal then: of `records`, where the other way made `others`. Without it everything but times is compared.
	 */
	readonly comparable?: (records: readonly Exchange[], others: readonly Exchange[]) => readonly unknown[];
	/** How long the process of its own may take. Default 60 s. */
	readonly hangMs?: number;
}
