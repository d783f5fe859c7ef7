import { chownSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { PolytapError } from "../../../core/index.js";
import { examine, isSameFile, refused, type Target } from "./target.js";

/** A JVM opens its socket at the next safepoint after the signal. */
const SOCKET_MS = 5_000;
/** Loading an agent retransforms classes: some time. */
const ANSWER_MS = 30_000;
const MAX_ANSWER = 65_536;

export interface AttachOptions {
	readonly jar: string;
	/** For the agent: `unix:PATH` or `tcp:HOST:PORT`, as the JVM sees it. */
	readonly listen: string;
	readonly tokenFile: string | null;
	/** Whether the jar may be copied into the JVM's /tmp where it is not visible there. */
	readonly copies: boolean;
}

export interface Attached {
	/** The jar as the JVM knows it. */
	readonly jar: string;
	readonly version: string;
}

/** Where the build puts the agent. Throws JAVA_AGENT_MISSING. */
export function agentJar(): string {
	const path = fileURLToPath(new URL("../../../java/polytap-agent.jar", import.meta.url));
	if (!existsSync(path))
		throw new PolytapError(
			"JAVA_AGENT_MISSING",
			`there is no agent at ${path}`,
			"build it: npm run build:java (needs a JDK and libasm-java)",
		);
	return path;
}

/**
 * Loads the agent through the attach mechanism of HotSpot: a file and SIGQUIT make it listen on a socket below its /tmp, and
 * one command loads an agent. Rejects with JAVA_ATTACH_REFUSED before anything was done, or JAVA_ATTACH_FAILED.
 */
export async function attach(pid: number, options: AttachOptions): Promise<Attached> {
	const { listen, tokenFile } = options;
	for (const text of [listen, tokenFile ?? ""])
		if (/[,\0]/.test(text)) throw refused(pid, "an argument of the agent has no comma in it");
	const target = examine(pid);
	const jar = jarFor(target, options);
	const socket = await socketOf(target);
	const argument = `${jar}=listen=${listen}${tokenFile === null ? "" : `,token_file=${tokenFile}`}`;
	const answer = await command(socket, ["load", "instrument", "false", argument]);
	if (!isSuccess(answer))
		throw new PolytapError(
			"JAVA_ATTACH_FAILED",
			`process ${pid} did not load the agent: ${answer.trim().slice(0, 300) || "no reason given"}`,
		);
	return { jar, version: target.version };
}

/** The command itself must have been taken, and the agent must say 0: newer JVMs answer 0 with the text of an error. */
export function isSuccess(answer: string): boolean {
	const [taken, ...rest] = answer.split("\n").map((line) => line.trim());
	if (taken !== "0") return false;
	const said = rest.filter((line) => line !== "");
	// Java 8 gives the agent's number alone
	return said.length === 1 && (said[0] === "return code: 0" || said[0] === "0");
}

function jarFor(target: Target, { jar, copies }: AttachOptions): string {
	if (isSameFile(target, jar)) return jar;
	if (!copies)
		throw refused(
			target.pid,
			`it does not see ${jar}: it has a file system of its own`,
			"mount it there, or let it be copied into its /tmp: --copy",
		);
	// not over one that a JVM may have open
	const version = readFileSync(jar).length;
	const path = `/tmp/polytap-agent-${version}.jar`;
	const there = `${target.root}${path}`;
	if (!existsSync(there)) copyFileSync(jar, there);
	return path;
}

/** The JVM's socket, which it opens when it is asked to. */
async function socketOf({ pid, ownPid, uid, gid, root }: Target): Promise<string> {
	const socket = `${root}/tmp/.java_pid${ownPid}`;
	if (existsSync(socket)) return socket;
	const asking = `${root}/tmp/.attach_pid${ownPid}`;
	writeFileSync(asking, "", { mode: 0o600 });
	try {
		// it looks whether the file is its own user's
		chownSync(asking, uid, gid);
		process.kill(pid, "SIGQUIT");
		for (const until = performance.now() + SOCKET_MS; performance.now() < until; await sleep(20))
			if (existsSync(socket)) return socket;
	} finally {
		rmSync(asking, { force: true });
	}
	throw new PolytapError("JAVA_ATTACH_FAILED", `process ${pid} opened no socket within ${SOCKET_MS} ms`);
}

/** Version 1 of HotSpot's attach protocol: version, command and three arguments, each ended by NUL. */
function command(path: string, words: readonly string[]): Promise<string> {
	return new Promise((resolve, reject) => {
		let answer = "";
		const fail = (why: string) => {
			socket.destroy();
			reject(new PolytapError("JAVA_ATTACH_FAILED", `the JVM's attach socket: ${why}`));
		};
		const socket = connect(path, () => socket.write(`${["1", ...words].join("\0")}\0`));
		socket.setTimeout(ANSWER_MS, () => fail("no answer"));
		socket.setEncoding("utf8");
		socket.on("data", (text: string) => {
			answer += text;
			if (answer.length > MAX_ANSWER) fail("an endless answer");
		});
		socket.on("error", (error) => fail(error.message));
		socket.on("end", () => resolve(answer));
	});
}
