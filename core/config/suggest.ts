/** Finds what a person probably meant. */

/** Edit distance where a swap of two neighbouring letters counts as one step. */
export function editDistance(left: string, right: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: right.length + 1 }, (_, index) => index);
	for (let row = 1; row <= left.length; row++) {
		const current = [row];
		for (let column = 1; column <= right.length; column++) {
			const same = left[row - 1] === right[column - 1];
			let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
			const swapped =
				row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
			if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1);
			current.push(best);
		}
		beforeLast = last;
		last = current;
	}
	return last[right.length]!;
}

/** The candidate nearest to `word`, or null where none is near enough to be a slip of the finger. */
export function suggest(word: string, candidates: readonly string[]): string | null {
	const wanted = normalise(word);
	const limit = Math.max(1, Math.floor(wanted.length / 3));
	let best: string | null = null;
	let bestDistance = limit + 1;
	for (const candidate of candidates) {
		const distance = editDistance(wanted, normalise(candidate));
		if (distance < bestDistance) {
			best = candidate;
			bestDistance = distance;
		}
	}
	return best;
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
	const found = suggest(word, candidates);
	return found === null ? "" : ` (did you mean "${found}"?)`;
}

// camelCase and kebab-case spellings of a snake_case key are the same word.
function normalise(word: string): string {
	return word
		.replace(/([a-z0-9])([A-Z])/g, "$1_$2")
		.toLowerCase()
		.replaceAll("-", "_");
}
