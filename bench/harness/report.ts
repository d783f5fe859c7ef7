import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { type Machine, showMachine } from "./machine.js";

export interface Report {
	/** File name without extension. */
	readonly name: string;
	readonly title: string;
	readonly machine: Machine;
	readonly command: string;
	/** How it was measured, sentence by sentence. */
	readonly method: readonly string[];
	readonly tables: readonly Table[];
	/** Everything measured, for those who want to calculate themselves. */
	readonly data: unknown;
}

export interface Table {
	readonly title: string;
	readonly head: readonly string[];
	readonly rows: readonly (readonly string[])[];
}

export const REPORTS: string = join(REPOSITORY, "bench/reports");

/** Prints it and writes `FOLDER/NAME.json` and `.md`. */
export function publish(report: Report, folder: string): void {
	const text = asMarkdown(report);
	process.stdout.write(`${text}\n`);
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, `${report.name}.md`), text);
	const { tables: _, ...rest } = report;
	writeFileSync(
		join(folder, `${report.name}.json`),
		`${JSON.stringify({ date: new Date().toISOString(), ...rest }, withoutFolders, "\t")}\n`,
	);
	process.stderr.write(`written: ${join(folder, report.name)}.{md,json}\n`);
}

/** Where somebody's files lie is nobody else's business. */
function withoutFolders(key: string, value: unknown): unknown {
	return key === "dir" || key === "reports" ? undefined : value;
}

function asMarkdown({ title, machine, command, method, tables }: Report): string {
	const parts = [`# ${title}`, `\`${command}\`, ${new Date().toISOString().slice(0, 10)}`, showMachine(machine)];
	for (const table of tables) {
		parts.push(
			`## ${table.title}`,
			[line(table.head), line(table.head.map(() => "---")), ...table.rows.map(line)].join("\n"),
		);
	}
	parts.push("## Method", method.map((sentence) => `- ${sentence}`).join("\n"));
	return `${parts.join("\n\n")}\n`;
}

function line(cells: readonly string[]): string {
	return `| ${cells.join(" | ")} |`;
}
