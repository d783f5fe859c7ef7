/** Times are integer microseconds since the Unix epoch; records carry them as RFC 3339 in UTC with six decimals. */

let cachedSecond = Number.NaN;
let cachedText = "";

/** `2026-01-02T03:04:05` of whole seconds since the epoch. */
export function secondText(second: number): string {
	if (second !== cachedSecond) {
		cachedText = new Date(second * 1000).toISOString().slice(0, 19);
		cachedSecond = second;
	}
	return cachedText;
}

export function formatTime(us: number): string {
	const second = Math.floor(us / 1e6);
	return `${secondText(second)}.${String(us - second * 1e6).padStart(6, "0")}Z`;
}

/** What `formatTime` wrote. */
export function parseTime(text: string): number {
	return Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number(text.slice(20, 26));
}
