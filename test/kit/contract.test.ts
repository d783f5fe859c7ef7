/** What the kit quotes stands in the contract. */
import { readFileSync } from "node:fs";
import test from "ava";
import { CONTRACT } from "polytap/testkit";

/** The comments of a file as running text. */
function comments(file: string): string {
	const text = readFileSync(new URL(`../../../core/${file}`, import.meta.url), "utf8");
	const blocks = [...text.matchAll(/\/\*\*([\s\S]*?)\*\//g)].map(([, block = ""]) => block);
	return blocks
		.map((block) =>
			block
				.replace(/^\s*\*/gm, " ")
				.replace(/\s+/g, " ")
				.trim(),
		)
		.join("\n");
}

const contract = ["plugin.ts", "content.ts", "events.ts", "errors.ts"].map(comments).join("\n");

for (const [clause, sentence] of Object.entries(CONTRACT))
	test(`the contract says what the kit quotes as ${clause}`, (t) => t.true(contract.includes(sentence), sentence));
