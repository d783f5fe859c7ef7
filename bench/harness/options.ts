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

/** Runs a benchmark: programs that it started end with it, whatever ends it. */
export async function main(bench: () => Promise<void>): Promise<void> {
	// `exit` is where running programs are killed.
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
	try {
		await bench();
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
		process.exitCode = 1;
	}
}
