/** Words of an inline command or a MONITOR line, with quotes as redis-cli takes them. Null: quotes that do not fit. */
export function wordsOf(line: string): string[] | null {
	const words: string[] = [];
	let i = 0;
	for (;;) {
		while (i < line.length && isSpace(line.charCodeAt(i))) i++;
		if (i >= line.length) return words;
		let word = "";
		while (i < line.length && !isSpace(line.charCodeAt(i))) {
			const quote = line[i];
			if (quote !== '"' && quote !== "'") {
				word += line[i++];
				continue;
			}
			const end = closing(line, i, quote);
			if (end < 0) return null;
			word += unescaped(line.slice(i + 1, end), quote);
			i = end + 1;
			if (i < line.length && !isSpace(line.charCodeAt(i))) return null;
		}
		words.push(word);
	}
}

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13) || code === 0;

function closing(line: string, from: number, quote: string): number {
	for (let i = from + 1; i < line.length; i++) {
		if (line[i] === "\\") i++;
		else if (line[i] === quote) return i;
	}
	return -1;
}

const SHORT: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };

function unescaped(text: string, quote: string): string {
	if (!text.includes("\\")) return text;
	if (quote === "'") return text.replaceAll("\\'", "'");
	return text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, character: string) =>
		hex === undefined ? (SHORT[character] ?? character) : String.fromCharCode(Number.parseInt(hex, 16)),
	);
}
