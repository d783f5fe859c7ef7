/** Tells sources what of a connection need not be captured. */
import type { Advice, AdviceSubject } from "../advice.js";
import type { BytesEvent } from "../events.js";
import type { VantageState } from "./vantage.js";

/** Fewer bytes ahead are not worth the message. */
const LEAST_SKIP = 65_536;
/** Only bulk is looked at for what lies ahead. */
const BULK = 1024;

/** False: no sink wants any record of it. */
export type CouldWant = (subject: AdviceSubject) => boolean;
export type Advise = (conn: number, advice: Advice) => void;

/** What passes a vantage encrypted is told as plaintext by another source, or is no longer. */
export function lookAbove(advise: Advise, vantage: VantageState, conn: number): void {
	const { isCovered } = vantage.connection;
	if (vantage.isCovered === isCovered) return;
	vantage.isCovered = isCovered;
	advise(conn, { kind: isCovered ? "covered" : "uncovered" });
}

/** After bytes of a vantage were read. */
export function look(couldWant: CouldWant, advise: Advise, vantage: VantageState, event: BytesEvent): void {
	const { connection } = vantage;
	lookAbove(advise, vantage, event.conn);
	if (!vantage.isAdvised) {
		const known = connection.adviceSubject;
		if (known === null) return;
		vantage.isAdvised = true;
		if (!couldWant(known)) {
			advise(event.conn, { kind: "ignore" });
			return;
		}
		if (connection.knowsPayload) advise(event.conn, { kind: "cuttable" });
	}
	if (event.data.length < BULK || vantage.skipTo[event.dir] > event.offset) return;
	const dir = vantage.isFlipped ? (event.dir === 0 ? 1 : 0) : event.dir;
	const to = connection.neededFrom(dir);
	if (to - event.offset < LEAST_SKIP) return;
	vantage.skipTo[event.dir] = to;
	advise(event.conn, { kind: "skip", dir: event.dir, to });
}
