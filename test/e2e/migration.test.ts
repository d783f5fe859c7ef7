/** The migration guide holds: from an empty folder, with the packed package alone, in network namespaces. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { needing } from "./support/needing.js";

needing(
	"bpf",
	"ip",
	"nft",
	"ss",
	"curl",
)("every step of the guide does what the page says, and each way back leads back", async (t) => {
	const script = fileURLToPath(new URL("../../../scripts/try-migration.sh", import.meta.url));
	const { stdout } = await promisify(execFile)("sh", [script], { timeout: 600_000 });
	t.log(stdout.trim());
	for (const step of ["0", "1", "2", "3", "4", "5", "compare"]) t.regex(stdout, new RegExp(`^${step}: `, "m"));
});
