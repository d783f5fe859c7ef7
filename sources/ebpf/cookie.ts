const TWO_32 = 2 ** 32;

/**
 * A socket's cookie. The kernel counts up from 1, and down from 2^64 - 1 where an interrupt asks for one while its processor
 * makes another: taken as signed numbers both are exact, and as unsigned ones the latter would all be the same.
 */
export function cookieAt(words: Uint32Array, at: number): number {
	return words[at >>> 2]! + (words[(at >>> 2) + 1]! | 0) * TWO_32;
}

/** Writes it as the kernel has it. */
export function putCookie(out: DataView, at: number, cookie: number): void {
	out.setBigInt64(at, BigInt(cookie), true);
}

/** It is as good as a port: positive, and no other cookie's. */
export function asPort(cookie: number): number {
	return cookie < 0 ? 2 ** 53 + cookie : cookie;
}
