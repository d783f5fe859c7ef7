import { connect, type Socket as NetSocket } from "node:net";
import { join } from "node:path";
import { patient } from "./patience.js";
import { freePort, isListening } from "./port.js";
import { Program, pause, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface RedisServer {
	readonly port: number;
	/** Path of its Unix socket. */
	readonly socket: string;
	readonly program: Program;
	/** What redis-cli prints; through the socket's file, which nobody captures. */
	ask(...words: readonly string[]): Promise<string>;
	/** redis-cli over TCP. */
	cli(...args: readonly string[]): Promise<string>;
	/** Calls by command, as the server counted them since `CONFIG RESETSTAT`: `GET`, `CONFIG|GET`. */
	calls(): Promise<Readonly<Record<string, number>>>;
}

export const PASSWORD = "Zq-secret-4711";

/** A server of its own on loopback, without persistence, with a user `app` that has a password; `default` needs none. */
export async function startRedis(scope: Scope): Promise<RedisServer> {
	const folder = await scope.folder();
	const port = await freePort();
	const socket = join(folder, "socket");
	const settings = {
		port: String(port),
		bind: "127.0.0.1",
		unixsocket: socket,
		dir: folder,
		save: "",
		appendonly: "no",
		"enable-debug-command": "local",
	};
	const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
	const program = new Program("redis-server", args);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => isListening(program.pid, port), 60_000);
	const cli = async (more: readonly string[]): Promise<string> =>
		(await runProgram("redis-cli", more, 60_000)).stdout.trimEnd();
	const ask = (...words: readonly string[]): Promise<string> => cli(["-s", socket, ...words]);
	await ask("ACL", "SETUSER", "app", "on", `>${PASSWORD}`, "~*", "&*", "+@all");
	await ask("CONFIG", "RESETSTAT");
	return {
		port,
		socket,
		program,
		ask,
		cli: (...more) => cli(["-p", String(port), ...more]),
		async calls() {
			const counted: Record<string, number> = {};
			for (const [, name = "", calls] of (await ask("INFO", "commandstats")).matchAll(/cmdstat_(\S+?):calls=(\d+)/g))
				counted[name.toUpperCase()] = Number(calls);
			return counted;
		},
	};
}

/** A client that says exactly the bytes that it is told to say. */
export class RawClient {
	readonly #socket: NetSocket;
	received = "";

	private constructor(socket: NetSocket) {
		this.#socket = socket;
		socket.setEncoding("latin1").on("data", (text: string) => {
			this.received += text;
		});
	}

	static async open(scope: Scope, port: number): Promise<RawClient> {
		const socket = connect({ port, host: "127.0.0.1", noDelay: true });
		await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
		scope.defer(() => socket.destroy());
		return new RawClient(socket);
	}

	/** Says it, and resolves when what came since ends with `answer`. */
	async say(text: string, answer: string): Promise<string> {
		const from = this.received.length;
		this.#socket.write(text, "latin1");
		return this.until(answer, from);
	}

	async until(answer: string, from = 0): Promise<string> {
		const deadline = Date.now() + patient(60_000);
		while (!this.received.slice(from).endsWith(answer)) {
			if (Date.now() > deadline) throw new Error(`no ${JSON.stringify(answer)} in ${JSON.stringify(this.received)}`);
			await pause(5);
		}
		return this.received.slice(from);
	}

	async end(): Promise<void> {
		await new Promise<void>((resolve) => this.#socket.end(resolve));
	}
}
