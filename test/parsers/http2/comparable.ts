import type { Exchange } from "../../../core/index.js";

/**
 * What two readings of the same bytes must agree on, whichever direction was read first. A reset, or a GOAWAY that refuses a
 * stream, crosses what the other end still sends: whether that was sent before or after nobody can tell, so a body that is under way
 * ends where it was read, a response that is under way may be missing or there, and one that came to its end just before is
 * whole. Of such a stream the request's fields must be the same. Whom a GOAWAY of the connection found open depends on the same.
 */
export function comparable(records: readonly Exchange[], others: readonly Exchange[]): readonly unknown[] {
	const cut = new Set([...records, ...others].filter(isCut).map(streamOf));
	return records.flatMap((record): readonly unknown[] => {
		if (record.kind === "connection") return [record];
		if (!cut.has(streamOf(record))) return [withoutGoaway(record)];
		// a pushed response that its client refuses, an answer to what was refused
		if (record.request === null) return [];
		const { attributes, headers } = record.request;
		return [{ stream: streamOf(record), protocol: record.protocol, attributes, headers }];
	});
}

const isCut = ({ kind, outcome, annotations }: Exchange): boolean =>
	kind !== "connection" &&
	("http2.reset.by" in annotations || (outcome === "aborted" && "http2.goaway.by" in annotations));

/** Its number, which is the end of its exchange's id, without the mark of a response that stands alone. */
const streamOf = ({ id }: Exchange): number => Number.parseInt(id.slice(-8), 16) & 0x7fff_ffff;

function withoutGoaway(record: Exchange): Exchange {
	const annotations = Object.entries(record.annotations).filter(([name]) => !name.startsWith("http2.goaway."));
	return { ...record, annotations: Object.fromEntries(annotations) };
}
