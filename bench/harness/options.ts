import { writeSync } from "node:fs";
import { parseArgs } from "node:util";

/** Numbers and words from the command line: `--rounds 5 --dir /dev/shm`. Anything unknown ends the process with code 2. */
export function readOptions<T extends Readonly<Record<string, number | string>>>(defaults: T): T {
	const options = Object.fromEntries(
		Object.entries(defaults).map(([name, value]) => [name, { type: "string" as const, default: String(value) }]),
	);
	try {
		const { values } = parseArgs({ options, strict: true, allowPositionals: false });
		const read = Object.entries(defaults).map(([name, standard]) => {
			const text = String(values[name]);
			if (typeof standard === "string") return [name, text];
			const value = Number(text);
			if (text === "" || !(value >= 0)) throw new Error(`--${name} ${text} is not a number`);
			return [name, value];
		});
		return Object.fromEntries(read);
	} catch (error) {
		const flags = Object.entries(defaults).map(([name, value]) => `--${name} ${value === "" ? "…" : value}`);
		process.stderr.write(
			`${error instanceof Error ? error.message : error}\noptions with their defaults: ${flags.join(" ")}\n`,
		);
		process.exit(2);
	}
}

/** Ends a benchmark with code 2 and this message alone. */
export class BadOption extends Error {}

/** Runs a benchmark: programs that it started end with it, whatever ends it, and it never ends without a word. */
export async function main(bench: () => Promise<void>): Promise<void> {
	let isOver = false;
	let reason = "nothing was left to wait for";
	// `exit` is where running programs are killed.
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
		process.once(signal, () => {
			reason = signal;
			process.exit(130);
		});
	process.once("exit", (code) => {
		if (isOver) return;
		process.exitCode = code === 0 ? 1 : code;
		try {
			writeSync(2, `\nended before its end, without a result: ${reason} (exit code ${process.exitCode})\n`);
		} catch {
			// nobody listens any more
		}
	});
	try {
		await bench();
	} catch (error) {
		const said =
			error instanceof BadOption ? error.message : error instanceof Error ? (error.stack ?? error.message) : error;
		process.stderr.write(`${said}\n`);
		process.exitCode = error instanceof BadOption ? 2 : 1;
	}
	isOver = true;
}
