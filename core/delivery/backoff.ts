/** How long to wait before attempt number `attempt` (1: the first retry), up to `longestMs`. Half of it is chance. */
export function backoffMs(
	firstMs: number,
	attempt: number,
	longestMs: number,
	random: () => number = Math.random,
): number {
	const wholeMs = Math.min(firstMs * 2 ** (attempt - 1), longestMs);
	return wholeMs / 2 + (wholeMs / 2) * random();
}
