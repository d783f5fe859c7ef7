/** What can be said of a filter before there is a record: could any record of such a connection pass? */
import type { AdviceSubject } from "../advice.js";
import { oneMatches, sampleOf } from "./filter.js";
import type { FilterOptions } from "./schema.js";

/** False only where no record of the connection can hold, whatever becomes of it. */
export function couldHold(o: FilterOptions, subject: AdviceSubject): boolean {
	if (o.ports !== undefined && !o.ports.includes(subject.serverPort)) return false;
	if (o.protocols !== undefined && subject.isLeaf && !oneMatches(o.protocols, subject.protocol)) return false;
	if (o.sample !== undefined && sampleOf(subject.id) >= o.sample) return false;
	if (o.any !== undefined && !o.any.some((branch) => couldHold(branch, subject))) return false;
	return o.not === undefined || !mustHold(o.not, subject);
}

/** True only where every record of the connection holds. */
function mustHold({ ports, protocols, ...others }: FilterOptions, subject: AdviceSubject): boolean {
	if (Object.values(others).some((value) => value !== undefined)) return false;
	if (ports !== undefined && !ports.includes(subject.serverPort)) return false;
	if (protocols !== undefined && (!subject.isLeaf || !oneMatches(protocols, subject.protocol))) return false;
	return ports !== undefined || protocols !== undefined;
}
