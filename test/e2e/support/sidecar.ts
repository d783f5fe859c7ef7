/** A sidecar under test, and peers for it. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Totals } from "../../../core/app/totals.js";
import type { Exchange } from "../../../core/index.js";
import { CLI } from "./polytap.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";
import { callsReturned } from "./usage.js";

/** What a burst of connections finds while this process has something else to do: beyond it the kernel lets them wait for seconds. */
const BACKLOG = 4096;

export const sha256 = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

export interface Sidecar {
	readonly port: number;
	readonly program: Program;
	readonly folder: string;
	/** Rejects where it ends with another code than one of these; without a list: 0. */
	stop(codes?: readonly number[]): Promise<{ readonly exchanges: readonly Exchange[]; readonly totals: Totals }>;
}

export interface Setting {
	readonly source: Readonly<Record<string, unknown>>;
	readonly netns?: string | null;
	readonly capture?: Readonly<Record<string, unknown>>;
	/** More sources beside it. */
	readonly sources?: Readonly<Record<string, unknown>>;
	readonly sinks?: Readonly<Record<string, unknown>>;
	readonly plugins?: readonly string[];
}

export async function startSidecar(
	scope: Scope,
	{ source, netns, sources, sinks, ...more }: Setting,
): Promise<Sidecar> {
	const folder = await scope.folder();
	const out = join(folder, "out.jsonl");
	const config = {
		version: 1,
		sources: { legacy: { type: "sidecar-legacy", listen: "127.0.0.1:0", ...source }, ...sources },
		sinks: { file: { type: "jsonl", path: out }, ...sinks },
		...more,
	};
	await writeFile(join(folder, "polytap.yaml"), JSON.stringify(config));
	const args = [CLI, "run", "-c", join(folder, "polytap.yaml"), "--totals", join(folder, "totals.json")];
	const program = new Program(process.execPath, args, { netns: netns ?? null });
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => /^ready: /m.test(program.stderr), 60_000);
	return {
		port: Number(/listens on \S+:(\d+)/.exec(program.stderr)?.[1]),
		program,
		folder,
		async stop(codes = [0]) {
			// eBPF may watch the servers as well
			await callsReturned();
			const { code } = await program.stop("SIGTERM", 90_000);
			if (code === null || !codes.includes(code)) throw new Error(`exit code ${code}: ${program.stderr}`);
			const lines = (await readFile(out, "utf8")).split("\n").slice(0, -1);
			return {
				exchanges: lines.map((line): Exchange => JSON.parse(line)),
				totals: JSON.parse(await readFile(join(folder, "totals.json"), "utf8")),
			};
		},
	};
}

export const legOf = (leg: string) => (exchange: Exchange) => exchange.annotations["proxy.leg"] === leg;

export async function listen(scope: Scope, onConnection: (socket: Socket) => void): Promise<number> {
	const open = new Set<Socket>();
	const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
		open.add(socket);
		socket.on("close", () => open.delete(socket));
		socket.on("error", () => undefined);
		onConnection(socket);
	});
	await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, resolve));
	scope.defer(() => {
		for (const socket of open) socket.destroy();
		server.close();
	});
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("no address");
	return address.port;
}

/** All that comes until the other end has finished. */
export async function readAll(socket: Socket, slowMs = 0): Promise<Buffer> {
	const pieces: Buffer[] = [];
	socket.on("data", (piece: Buffer) => {
		pieces.push(piece);
		if (slowMs === 0) return;
		socket.pause();
		setTimeout(() => socket.resume(), slowMs);
	});
	await new Promise((resolve, reject) => socket.once("end", resolve).once("error", reject));
	return Buffer.concat(pieces);
}

/** A self-signed certificate for `name`, and its key. Returns their files. */
export async function makeCertificate(folder: string, name: string): Promise<{ key: string; cert: string }> {
	const key = join(folder, "server.key");
	const cert = join(folder, "server.crt");
	await runProgram(
		"openssl",
		[
			...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
			...["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-keyout", key, "-out", cert],
		],
		60_000,
	);
	return { key, cert };
}
