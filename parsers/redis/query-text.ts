import type { CommandFacts, Shown } from "./commands.js";

const MAX_SHOWN_ARGUMENTS = 16;
const MAX_ARGUMENT_CHARACTERS = 128;

/** `db.query.text` in the making: a command as redis-cli would take it, its values as `?`. */
export class QueryText {
	text = "";
	#shown: Shown = 0;
	#index = 0;

	start({ name, shown }: CommandFacts): void {
		this.text = name;
		this.#shown = shown;
		this.#index = 0;
	}

	/** Whether the next argument is shown; otherwise call `hide` for it. */
	get isNextShown(): boolean {
		const next = this.#index + 1;
		if (next > MAX_SHOWN_ARGUMENTS) return false;
		const shown = this.#shown;
		if (shown === "all") return true;
		if (shown === "pairs") return next % 2 === 1;
		if (shown === "keyPairs") return next === 1 || next % 2 === 0;
		return next <= shown;
	}

	/** An argument, as latin-1. */
	show(argument: string): void {
		this.#index++;
		const cut = argument.length > MAX_ARGUMENT_CHARACTERS;
		const text = cut ? argument.slice(0, MAX_ARGUMENT_CHARACTERS) : argument;
		this.text += ` ${PLAIN.test(text) ? text : quoted(text)}${cut ? "…" : ""}`;
	}

	hide(): void {
		const index = ++this.#index;
		if (index <= MAX_SHOWN_ARGUMENTS) this.text += " ?";
		else if (index === MAX_SHOWN_ARGUMENTS + 1) this.text += " …";
	}
}

const PLAIN = /^[!#-&(-[\]-~]+$/;

/** As redis-cli writes and reads strings. */
function quoted(text: string): string {
	const escaped = text.replace(/[^ !#-[\]-~]/g, (character) => {
		if (character === '"' || character === "\\") return `\\${character}`;
		if (character === "\n") return "\\n";
		if (character === "\r") return "\\r";
		if (character === "\t") return "\\t";
		return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
	});
	return `"${escaped}"`;
}
