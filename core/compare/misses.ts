/** Why a source lacks what another one has, as far as its own records tell. */
import type { Digest } from "./digest.js";

export const MISS_CAUSES = {
	"source-silent": "the source has no record at all",
	filtered: "the source saw nothing of that server: its targets or legs do not cover it",
	"before-attach": "it began before the source watched, or before it watched that connection",
	"after-end": "it began after the last record of the source",
	encrypted: "the source saw the connection as TLS and not what is in it",
	"undecided-protocol": "the source saw the connection and could not tell what was spoken",
	"connection-unseen": "the source saw that server, but nothing of that connection",
	fragment: "what the other source has is only a part of an exchange, because bytes are missing there",
	unknown: "the source saw the connection, whole, and has no such exchange",
} as const;

interface Seen {
	firstUs: number;
	isEncrypted: boolean;
	opaque: string | null;
	readonly causes: Set<string>;
}

/** What a source saw at all. */
export class Sightings {
	readonly #connections = new Map<string, Seen>();
	readonly #servers = new Set<string>();
	#firstUs = Number.POSITIVE_INFINITY;
	#lastUs = Number.NEGATIVE_INFINITY;

	add(digest: Digest): void {
		const { connection, startedUs, durationUs, protocol, opaque, causes, kind } = digest;
		this.#servers.add(digest.server);
		this.#firstUs = Math.min(this.#firstUs, startedUs);
		this.#lastUs = Math.max(this.#lastUs, startedUs + durationUs);
		let seen = this.#connections.get(connection);
		if (seen === undefined) {
			seen = { firstUs: startedUs, isEncrypted: false, opaque: null, causes: new Set() };
			this.#connections.set(connection, seen);
		}
		seen.firstUs = Math.min(seen.firstUs, startedUs);
		if (kind === "connection" && protocol === "tls") seen.isEncrypted = true;
		if (opaque !== null) seen.opaque = opaque;
		for (const cause of causes) seen.causes.add(cause);
	}

	get connections(): number {
		return this.#connections.size;
	}

	/** Of a record that another source has: one of `MISS_CAUSES`, or a cause of loss (`ring-full`). */
	causeOf({ connection, server, startedUs, outcome }: Digest): string {
		if (this.#servers.size === 0) return "source-silent";
		const seen = this.#connections.get(connection);
		if (seen === undefined) {
			if (!this.#servers.has(server)) return "filtered";
			if (startedUs < this.#firstUs) return "before-attach";
			return startedUs > this.#lastUs ? "after-end" : "connection-unseen";
		}
		const loss = [...seen.causes].find((cause) => cause !== "joined-late" && cause !== "limit" && cause !== "redacted");
		if (seen.isEncrypted) return "encrypted";
		if (loss !== undefined) return loss;
		if (seen.opaque !== null) return "undecided-protocol";
		if (startedUs < seen.firstUs || seen.causes.has("joined-late")) return "before-attach";
		return outcome === "partial" ? "fragment" : "unknown";
	}
}
