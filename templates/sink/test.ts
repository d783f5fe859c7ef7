import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type SinkWorld, sinkChecks } from "polytap/testkit";
import plugin from "../src/index.js";

function file(): SinkWorld {
	const folder = mkdtempSync(join(tmpdir(), "sink-"));
	const path = join(folder, "exchanges");
	return {
		config: { path },
		received: () =>
			readFileSync(path, "utf8")
				.split("\n")
				.filter(Boolean)
				.map((line) => JSON.parse(line).id),
		close: () => rmSync(folder, { recursive: true }),
	};
}

const worlds = { world: file, retryable: () => ({ config: { path: "/dev/full" } }) };
for (const { name, run } of sinkChecks(plugin, worlds)) test(name, run);
