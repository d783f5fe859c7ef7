/** Which collation number means which character set: the numbers of MySQL and MariaDB, as `information_schema` lists them. */

/** `utf8`, `binary`, a label for `TextDecoder`, or null where it is not known. */
export type Charset = "utf8" | "binary" | string | null;

const RANGES: readonly (readonly [charset: string, ...ids: (number | readonly [from: number, to: number])[]])[] = [
	["binary", 63],
	["utf8", 33, 45, 46, 76, 83, [192, 247], [255, 323], [2048, 2559]],
	["ascii", 11, 65],
	["windows-1252", 5, 8, 15, 31, 47, 48, 49, 94],
	["iso-8859-2", 2, 9, 21, 27, 77],
	["iso-8859-7", 25, 70],
	["iso-8859-8", 16, 71],
	["iso-8859-9", 30, 78],
	["iso-8859-13", 20, 41, 42, 79],
	["windows-1250", 26, 34, 44, 66, 99],
	["windows-1251", 14, 23, 50, 51, 52],
	["windows-1256", 57, 67],
	["windows-1257", 29, 58, 59],
	["koi8-r", 7, 74],
	["koi8-u", 22, 75],
	["ibm866", 36, 68],
	["macintosh", 39, 53],
	["windows-874", 18, 89],
	["big5", 1, 84],
	["shift_jis", 13, 88, 95, 96],
	["euc-jp", 12, 91, 97, 98],
	["euc-kr", 19, 85],
	["gbk", 24, 28, 86, 87],
	["gb18030", [248, 250]],
	["utf-16be", 35, 54, 55, 90, [101, 124], [128, 151], 159, [2560, 3071]],
	["utf-16le", 56, 62],
];

const byId = new Map<number, string>();
for (const [charset, ...ids] of RANGES)
	for (const id of ids) {
		const [from, to] = typeof id === "number" ? [id, id] : id;
		for (let each = from; each <= to; each++) byId.set(each, charset);
	}

const decoders = new Map<string, InstanceType<typeof TextDecoder> | null>();

export function charsetOf(collation: number): Charset {
	return byId.get(collation) ?? null;
}

/** The text, or null where these bytes are not in that character set or nobody here can tell. */
export function decodeText(charset: string, bytes: Uint8Array): string | null {
	let decoder = decoders.get(charset);
	if (decoder === undefined) {
		decoder = decoderFor(charset);
		decoders.set(charset, decoder);
	}
	if (decoder === null) return null;
	try {
		return decoder.decode(bytes);
	} catch {
		return null;
	}
}

/** Not every build of Node.js knows every character set. */
function decoderFor(charset: string): InstanceType<typeof TextDecoder> | null {
	try {
		return new TextDecoder(charset, { fatal: true, ignoreBOM: true });
	} catch {
		return null;
	}
}
