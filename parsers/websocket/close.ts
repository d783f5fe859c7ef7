/** Codes of close frames (RFC 6455, section 7.4). */

/** May a code stand in a frame? 1005, 1006 and 1015 are for programs alone. */
export function mayBeCloseCode(code: number): boolean {
	if (code >= 3000) return code < 5000;
	return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/** Normal closure, going away, and what an application or a library defined for itself. */
export function isOrderly(code: number | null): boolean {
	return code === null || code === 1000 || code === 1001 || code >= 3000;
}
