import { type Digest, HALF_FIELDS } from "./digest.js";

export interface Difference {
	/** `response.body.hash`, `outcome`, … */
	readonly field: string;
	readonly a: string;
	readonly b: string;
}

const OWN_FIELDS = ["protocol", "outcome", "operation", "result"] as const;

/** Field by field. Ids, addresses and times are the observers' own. */
export function differencesOf(a: Digest, b: Digest, ignored: ReadonlySet<string>): Difference[] {
	const found: Difference[] = [];
	const compare = (field: string, left: string, right: string) => {
		if (left !== right && !ignored.has(field)) found.push({ field, a: left, b: right });
	};
	for (const field of OWN_FIELDS) compare(field, a[field], b[field]);
	for (const half of ["request", "response"] as const) {
		const left = a[half];
		const right = b[half];
		if (left === null || right === null) {
			compare(half, left === null ? "missing" : "present", right === null ? "missing" : "present");
			continue;
		}
		for (const field of HALF_FIELDS) compare(`${half}.${field}`, left[field], right[field]);
	}
	return found;
}
