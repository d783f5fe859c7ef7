import { readFileSync } from "node:fs";

/** Of the package, as `package.json` has it. */
export function polytapVersion(): string {
	const facts: { version: string } = JSON.parse(
		readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
	);
	return facts.version;
}
