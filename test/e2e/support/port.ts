import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Below the ports that the kernel gives to clients: none of them takes one between this and its server's start. */
const FIRST = 20_000;
const COUNT = 6_000;
const LISTENING = "0A";
const given = new Set<number>();

/** A port that nobody listens on now, on IPv4 and IPv6; each is given once in a process. */
export async function freePort(): Promise<number> {
	for (let tries = 0; tries < COUNT; tries++) {
		const port = FIRST + Math.floor(Math.random() * COUNT);
		if (given.has(port) || !(await isFree(port))) continue;
		given.add(port);
		return port;
	}
	throw new Error("no port");
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "::", () => server.close(() => resolve(true)));
	});
}

/**
 * Does anybody listen on this port in the network namespace of that process? Nobody connects for that: what a server says to
 * who was there to try its door could be seen by a capture that begins then.
 */
export function isListening(pid: number, port: number): boolean {
	const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
	for (const file of ["tcp", "tcp6"]) {
		try {
			for (const line of readFileSync(`/proc/${pid}/net/${file}`, "latin1").split("\n")) {
				const [, local = "", , state] = line.trim().split(/\s+/);
				if (local.endsWith(end) && state === LISTENING) return true;
			}
		} catch {
			// it is not there yet, or not any more
		}
	}
	return false;
}
