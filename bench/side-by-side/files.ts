/** Where reports lie: a run that goes on has its own files, which become the report's when it is complete. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { page } from "./html.js";
import { isPartial, type SideBySide } from "./report.js";

const NAME = "side-by-side";

export class ReportFiles {
	readonly #folder: string;

	constructor(folder: string) {
		this.#folder = folder;
		mkdirSync(folder, { recursive: true });
	}

	get partial(): string {
		return join(this.#folder, `${NAME}.partial`);
	}

	get complete(): string {
		return join(this.#folder, NAME);
	}

	/** Returns the path without extension. Nobody ever finds half a file. */
	write(report: SideBySide): string {
		const path = isPartial(report) ? this.partial : this.complete;
		for (const [extension, content] of [
			["json", `${JSON.stringify(report, null, "\t")}\n`],
			["html", page(report)],
		] as const) {
			writeFileSync(`${path}.${extension}.new`, content);
			renameSync(`${path}.${extension}.new`, `${path}.${extension}`);
		}
		if (path === this.complete)
			for (const extension of ["json", "html"]) rmSync(`${this.partial}.${extension}`, { force: true });
		return path;
	}

	/** What an earlier run with the same options on the same machine and commit had when it was cut off; null: there is none. */
	unfinished({ command, machine }: Pick<SideBySide, "command" | "machine">): SideBySide | null {
		let found: SideBySide;
		try {
			found = JSON.parse(readFileSync(`${this.partial}.json`, "utf8"));
		} catch {
			return null;
		}
		const same = (["commit", "kernel", "processor", "processors"] as const).every(
			(fact) => found.machine?.[fact] === machine[fact],
		);
		return found.command === command && same && Array.isArray(found.extent?.done) ? found : null;
	}
}
