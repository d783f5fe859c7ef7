/** What client and server agreed on in the handshake, as bits. */

export const LONG_PASSWORD = 1;
export const CONNECT_WITH_DB = 1 << 3;
export const COMPRESS = 1 << 5;
export const PROTOCOL_41 = 1 << 9;
export const SSL = 1 << 11;
export const SECURE_CONNECTION = 1 << 15;
export const PLUGIN_AUTH = 1 << 19;
export const CONNECT_ATTRIBUTES = 1 << 20;
export const PLUGIN_AUTH_LENENC = 1 << 21;
export const SESSION_TRACK = 1 << 23;
export const DEPRECATE_EOF = 1 << 24;
export const ZSTD = 1 << 26;
export const QUERY_ATTRIBUTES = 1 << 27;

/** MariaDB's own, in the four bytes that MySQL leaves zero. */
export const MARIADB_PROGRESS = 1;

/** Status bits of OK and EOF packets. */
export const MORE_RESULTS = 0x0008;
export const CURSOR_EXISTS = 0x0040;
export const OUT_PARAMETERS = 0x1000;
export const SESSION_STATE_CHANGED = 0x4000;

const STATUS_NAMES: readonly (readonly [bit: number, name: string])[] = [
	[0x0001, "in-transaction"],
	[0x0002, "autocommit"],
	[MORE_RESULTS, "more-results"],
	[0x0010, "no-good-index-used"],
	[0x0020, "no-index-used"],
	[CURSOR_EXISTS, "cursor-exists"],
	[0x0080, "last-row-sent"],
	[0x0100, "database-dropped"],
	[0x0200, "no-backslash-escapes"],
	[0x0400, "metadata-changed"],
	[0x0800, "query-was-slow"],
	[OUT_PARAMETERS, "out-parameters"],
	[0x2000, "in-read-only-transaction"],
	[SESSION_STATE_CHANGED, "session-state-changed"],
];

const remembered = new Map<number, readonly string[]>();

/** The same list for the same bits. */
export function statusNames(bits: number): readonly string[] {
	let names = remembered.get(bits);
	if (names === undefined) {
		names = STATUS_NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
		if (remembered.size < 1024) remembered.set(bits, names);
	}
	return names;
}
