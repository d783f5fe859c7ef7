/** `polytap check`: everything about a config but the world. */
import { readConfig } from "../config-file.js";

/** Resolves with what to print; rejects with the problems. */
export async function check(file: string): Promise<string> {
	const { sources, sinks } = await readConfig(file);
	return `${file}: fine (${plural(sources.length, "source")}, ${plural(sinks.length, "sink")})\n`;
}

function plural(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
