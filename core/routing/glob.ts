/** Globs without backtracking: hostile text can cost no more than its length times the pattern's. */

/** True where `text` is `pattern`, in which `*` stands for any run of characters and `?` for one. */
export function globMatches(pattern: string, text: string): boolean {
	return matches(pattern, text, "*", characterMatches);
}

function characterMatches(pattern: string, character: string): boolean {
	return pattern === "?" || pattern === character;
}

/** The same by segments between slashes: `*` and `?` stay within one, `**` as a whole segment is any number of them. */
export function pathMatches(pattern: readonly string[], path: string): boolean {
	if (path !== lastPath) {
		lastPath = path;
		lastSegments = path.split("/");
	}
	return matches(pattern, lastSegments, "**", segmentMatches);
}

/** Several filters ask about one path. */
let lastPath = "";
let lastSegments: readonly string[] = [""];

function segmentMatches(pattern: string, segment: string): boolean {
	return pattern === segment || globMatches(pattern, segment);
}

/**
 * One kind of star only, so the latest one is the only place worth going back to: what an earlier one could take, the
 * latest one can take as well.
 */
function matches(
	pattern: ArrayLike<string>,
	text: ArrayLike<string>,
	star: string,
	isSame: (pattern: string, text: string) => boolean,
): boolean {
	let p = 0;
	let t = 0;
	let starAt = -1;
	let resumeAt = 0;
	while (t < text.length) {
		if (p < pattern.length && pattern[p] === star) {
			starAt = p++;
			resumeAt = t;
		} else if (p < pattern.length && isSame(pattern[p]!, text[t]!)) {
			p++;
			t++;
		} else if (starAt >= 0) {
			p = starAt + 1;
			t = ++resumeAt;
		} else return false;
	}
	while (p < pattern.length && pattern[p] === star) p++;
	return p === pattern.length;
}
