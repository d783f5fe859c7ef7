/** `polytap bench`: the benchmark is a program of its own, which starts polytap as anybody would. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../../bench/side-by-side/main.js", import.meta.url));

/** Returns the exit code. Signals of the terminal reach both. */
export function bench(options: readonly string[]): Promise<number> {
	return new Promise((resolve) => {
		const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: "inherit" });
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
		child.once("error", () => resolve(1));
		child.once("close", (code) => resolve(code ?? 1));
	});
}
