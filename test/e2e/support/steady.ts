/** A Java program that asks itself over HTTPS, again and again, for as long as a test needs it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { JavaPrograms, type Jdk, RUN_MS } from "./java.js";
import type { Program } from "./program.js";
import type { Scope } from "./scope.js";

export class Steady {
	readonly program: Program;
	readonly #stopFile: string;

	private constructor(program: Program, stopFile: string) {
		this.program = program;
		this.#stopFile = stopFile;
	}

	/** With the agent, unless `agent` is null. Resolves when it has begun. */
	static async start(scope: Scope, jdk: Jdk, agent: string | null, options: readonly string[] = []): Promise<Steady> {
		const programs = await JavaPrograms.compile(scope, ["Https.java", "Steady.java"]);
		const stopFile = join(await scope.folder(), "stop");
		const program = programs.start(jdk, agent, ["Steady", programs.keyStore, stopFile], options);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => program.stdout.includes("port "), RUN_MS);
		return new Steady(program, stopFile);
	}

	/** Resolves when so many more answers were right. */
	async goesOn(count: number): Promise<void> {
		const from = this.#right();
		await this.program.until(() => this.#right() >= from + count, RUN_MS);
	}

	/** How many answers were right; throws where one was not. */
	async end(): Promise<number> {
		await writeFile(this.#stopFile, "");
		const timer = setTimeout(() => this.program.kill("SIGKILL"), RUN_MS);
		const { code } = await this.program.exited;
		clearTimeout(timer);
		const found = /^good (\d+)/m.exec(this.program.stdout);
		if (code !== 0 || found === null || this.program.stdout.includes("wrong"))
			throw new Error(this.program.stderr + this.program.stdout);
		return Number(found[1]);
	}

	#right(): number {
		return Number([...this.program.stdout.matchAll(/^so far (\d+)$/gm)].at(-1)?.[1] ?? 0);
	}
}
