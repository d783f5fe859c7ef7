import { join } from "node:path";
import type { Certificate } from "./certificate.js";
import type { NodeServer } from "./node-server.js";
import { REPOSITORY } from "./polytap.js";
import { freePort } from "./port.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";
import type { SendLoad } from "./tls-loads.js";

const SOURCE = join(REPOSITORY, "test/e2e/support/go-tls");
const PATIENCE_MS = 120_000;

/** Builds the HTTPS server and client of Go; `flags` are the linker's. Resolves with the program's path. */
export async function buildGoTls(scope: Scope, ...flags: readonly string[]): Promise<string> {
	const path = join(await scope.folder(), "go-tls");
	const env = { GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" };
	await runProgram("go", ["build", "-C", SOURCE, "-ldflags", flags.join(" "), "-o", path, "."], 400_000, { env });
	return path;
}

/** `/echo/ID` over HTTP/1.1 and HTTP/2, on IPv4 and IPv6. */
export async function startGoServer(scope: Scope, path: string, tls: Certificate): Promise<NodeServer> {
	const accessLog = join(await scope.folder(), "access.log");
	const port = await freePort();
	const program = new Program(path, ["server", String(port), accessLog, tls.certificate, tls.key]);
	const stop = async () => void (await program.stop("SIGTERM"));
	scope.defer(stop);
	await program.until(() => program.stderr.includes("listening"), 60_000);
	return { port, program, accessLog, stop };
}

/** Go's client, eight requests at once. */
export const goLoad =
	(path: string, version: "1" | "2"): SendLoad =>
	async (_scope, { port, load, count, size }) => {
		await runProgram(path, ["client", ...[port, load, count, size].map(String), version], PATIENCE_MS);
	};
