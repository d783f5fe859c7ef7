import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, isListening } from "./port.js";
import { Program } from "./program.js";
import type { Scope } from "./scope.js";

export interface Haproxy {
	readonly port: number;
	readonly program: Program;
}

/** Passes TCP through to `upstreamPort`, one thread, capturing nothing. `more`: lines of its configuration. */
export async function startHaproxy(
	scope: Scope,
	upstreamPort: number,
	netns: string | null = null,
	more: readonly string[] = [],
): Promise<Haproxy> {
	const folder = await scope.folder();
	const port = await freePort();
	const file = join(folder, "haproxy.cfg");
	await writeFile(
		file,
		`global
	nbthread 1
	maxconn 4096
defaults
	mode tcp
	timeout connect 5s
	timeout client 60s
	timeout server 60s
listen through
	bind 127.0.0.1:${port}
	server upstream 127.0.0.1:${upstreamPort}
${more.map((line) => `\t${line}\n`).join("")}`,
	);
	const program = new Program("haproxy", ["-db", "-f", file], { netns });
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => isListening(program.pid, port), 60_000);
	return { port, program };
}
