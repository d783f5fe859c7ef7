/** Texts come from the traffic: what is remembered of them is bounded. */
const MAX_TEXTS = 1024;
const MAX_CHARS = 256;

/** The same function of a text, which remembers its answers: most of a node's traffic says the same things again. */
export function remembered(answer: (text: string) => boolean): (text: string) => boolean {
	const known = new Map<string, boolean>();
	let lastText: string | null = null;
	let last = false;
	return (text) => {
		if (text === lastText) return last;
		let found = known.get(text);
		if (found === undefined) {
			found = answer(text);
			if (known.size >= MAX_TEXTS) known.clear();
			if (text.length <= MAX_CHARS) known.set(text, found);
		}
		lastText = text;
		last = found;
		return found;
	};
}
