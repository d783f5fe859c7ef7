/** The guides hold: from an empty folder, with the packed package alone. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

test("a source, a parser and a sink are made, built, tested and run as the guides say", async (t) => {
	const script = fileURLToPath(new URL("../../../scripts/try-guides.sh", import.meta.url));
	const { stdout } = await promisify(execFile)("sh", [script], { timeout: 300_000 });
	for (const kind of ["source", "parser", "sink"]) t.true(stdout.includes(`my-${kind}: made, built, tested, run`));
});
