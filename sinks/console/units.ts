/** Numbers for people. */

/** `850µs`, `12.3ms`, `4.56s`, `2m03s` */
export function duration(us: number): string {
	if (us < 1_000) return `${us}µs`;
	if (us < 1_000_000) return `${three(us / 1_000)}ms`;
	if (us < 60_000_000) return `${three(us / 1_000_000)}s`;
	const seconds = Math.round(us / 1_000_000);
	return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
}

/** `79B`, `1.2KiB`, `34MiB` */
export function size(bytes: number): string {
	if (bytes < 1_024) return `${bytes}B`;
	let value = bytes;
	let unit = 0;
	while (value >= 1_024 && unit < UNITS.length - 1) {
		value /= 1_024;
		unit++;
	}
	return `${three(value)}${UNITS[unit]}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function three(value: number): string {
	if (value < 10) return value.toFixed(2);
	return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
