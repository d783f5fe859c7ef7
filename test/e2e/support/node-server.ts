import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Certificate } from "./certificate.js";
import { freePort } from "./port.js";
import { Program } from "./program.js";
import type { Scope } from "./scope.js";

export interface NodeServer {
	readonly port: number;
	readonly program: Program;
	/** As nginx's: `URI STATUS COMPLETION`. */
	readonly accessLog: string;
	/** Stops in an orderly way, so that the log is complete. */
	stop(): Promise<void>;
}

/**
 * An HTTP server of Node.js in a process of its own: `/small` and `/echo/ID`, on IPv4 and IPv6. With a certificate it speaks
 * HTTP/1.1 and HTTP/2 over TLS.
 */
export async function startNodeServer(scope: Scope, tls?: Certificate, wanted?: number): Promise<NodeServer> {
	const accessLog = join(await scope.folder(), "access.log");
	const port = wanted ?? (await freePort());
	const script = fileURLToPath(new URL("./node-server-child.js", import.meta.url));
	const program = new Program(process.execPath, [
		script,
		String(port),
		accessLog,
		...(tls === undefined ? [] : [tls.key, tls.certificate]),
	]);
	const stop = async () => void (await program.stop("SIGTERM"));
	scope.defer(stop);
	await program.until(() => program.stderr.includes("listening"), 60_000);
	return { port, program, accessLog, stop };
}
