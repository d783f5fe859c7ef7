/** Wall-clock time in integer microseconds since the epoch, never going back while the process lives. */
export function wallUs(): number {
	return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
