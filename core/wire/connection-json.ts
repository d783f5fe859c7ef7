import type { ConnectionFacts } from "../engine/facts.js";
import { put, putText } from "./put.js";

/** The connection, from the end of the summary to the beginning of the request. */
export function putConnection(out: Buffer, at: number, facts: ConnectionFacts): number {
	if (facts.json !== null) return put(out, at, facts.json);
	const { id, transport, client, server, tls } = facts;
	const json = `},"connection":${JSON.stringify({ id, transport, client, server, tls })},"request":`;
	// many a connection has one exchange only: bytes are worth keeping from the second on
	if (facts.wasWritten) facts.json = new Uint8Array(Buffer.from(json));
	facts.wasWritten = true;
	return putText(out, at, json);
}
