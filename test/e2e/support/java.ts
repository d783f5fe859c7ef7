/** Java programs under test: compiled here, run with the agent, verification of the JDK's own classes switched on. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Totals } from "../../../core/app/totals.js";
import type { Exchange, ExchangeMessage } from "../../../core/index.js";
import { CLI, type Polytap, REPOSITORY, startPolytap } from "./polytap.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export const AGENT_JAR = join(REPOSITORY, "dist/java/polytap-agent.jar");
const SOURCES = join(REPOSITORY, "test/e2e/java");
const PASSWORD = "changeit";
const COMPILE_MS = 300_000;
const KEYTOOL_MS = 180_000;
export const RUN_MS = 300_000;
/** JVMs that have just started on a busy machine: one may tell so long after the other. */
export const COLD_MS = 10_000;

export interface Jdk {
	/** Its major version. */
	readonly version: number;
	readonly home: string;
}

/** The JDKs of this machine, one for each major version, oldest first. */
export function findJdks(): Jdk[] {
	const parent = "/usr/lib/jvm";
	const found = new Map<number, Jdk>();
	for (const name of existsSync(parent) ? readdirSync(parent).sort() : []) {
		const home = join(parent, name);
		const version = Number(/(\d+)/.exec(name.replace("java-1.", "java-"))?.[1]);
		if (version >= 11 && existsSync(join(home, "bin/javac")) && !found.has(version))
			found.set(version, { version, home });
	}
	return [...found.values()].sort((a, b) => a.version - b.version);
}

/** Why Java tests cannot run here, in one line, or null. */
export function missingJava(): string | null {
	if (findJdks().length === 0) return "there is no JDK in /usr/lib/jvm";
	return existsSync(AGENT_JAR) ? null : "the agent is not built (npm run build:java)";
}

/** Compiled classes and key stores for `localhost`. */
export class JavaPrograms {
	readonly folder: string;
	readonly #classpath: readonly string[];

	private constructor(folder: string, classpath: readonly string[]) {
		this.folder = folder;
		this.#classpath = classpath;
	}

	/** `files`: below test/e2e/java. Compiled by the oldest JDK, so that all of them run it. */
	static async compile(
		scope: Scope,
		files: readonly string[],
		classpath: readonly string[] = [],
	): Promise<JavaPrograms> {
		const folder = await scope.folder();
		const jdk = findJdks()[0]!;
		const programs = new JavaPrograms(folder, classpath);
		await mkdir(join(folder, "classes"));
		const sources = ["Run.java", ...files].map((file) => join(SOURCES, file));
		await runProgram(
			join(jdk.home, "bin/javac"),
			["-nowarn", "-cp", classpath.join(":"), "-d", join(folder, "classes"), ...sources],
			COMPILE_MS,
		);
		programs.keys = await (madeKeys ??= makeKeys(jdk));
		return programs;
	}

	/** Where the key stores are. */
	keys = "";

	get keyStore(): string {
		return join(this.keys, "keys.p12");
	}

	/** Starts one with the agent, unless `listen` is null: its first argument, and others behind commas. */
	start(jdk: Jdk, listen: string | null, args: readonly string[], options: readonly string[] = []): Program {
		const agent = listen === null ? [] : [`-javaagent:${AGENT_JAR}=listen=${listen}`];
		return new Program(join(jdk.home, "bin/java"), [
			"-XX:+UnlockDiagnosticVMOptions",
			"-XX:+BytecodeVerificationLocal",
			"-XX:TieredStopAtLevel=1",
			"-Dsun.net.httpserver.nodelay=true",
			`-Djavax.net.ssl.trustStore=${join(this.keys, "trust.p12")}`,
			`-Djavax.net.ssl.trustStorePassword=${PASSWORD}`,
			...options,
			...agent,
			"-cp",
			[join(this.folder, "classes"), ...this.#classpath].join(":"),
			"Run",
			...args,
		]);
	}

	/** Runs one to its end; rejects unless that is 0. Resolves with what it printed. */
	async run(
		jdk: Jdk,
		listen: string | null,
		args: readonly string[],
		options: readonly string[] = [],
	): Promise<string> {
		const program = this.start(jdk, listen, args, options);
		const timer = setTimeout(() => program.kill("SIGKILL"), RUN_MS);
		const { code, signal } = await program.exited;
		clearTimeout(timer);
		if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code ?? signal}: ${program.stderr}`);
		if (program.stderr.includes("polytap agent")) throw new Error(program.stderr);
		return program.stdout;
	}
}

/** Made once for all tests of a process. */
let madeKeys: Promise<string> | null = null;

async function makeKeys(jdk: Jdk): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "polytap-keys-"));
	process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
	const keytool = join(jdk.home, "bin/keytool");
	const store = ["-storetype", "PKCS12", "-storepass", PASSWORD];
	const names = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1"];
	const keys = ["-alias", "key", "-keystore", join(folder, "keys.p12"), ...store];
	const certificate = ["-file", join(folder, "certificate.pem")];
	await runProgram(keytool, ["-genkeypair", "-keyalg", "EC", ...keys, ...names], KEYTOOL_MS);
	await runProgram(keytool, ["-exportcert", "-rfc", ...keys, ...certificate], KEYTOOL_MS);
	const trust = ["-alias", "key", "-keystore", join(folder, "trust.p12"), ...store, ...certificate];
	await runProgram(keytool, ["-importcert", "-noprompt", ...trust], KEYTOOL_MS);
	return folder;
}

/** What a program said of one exchange that its client made. */
export interface Said {
	readonly kind: string;
	readonly method: string;
	readonly path: string;
	readonly status: number;
	readonly sent: string;
	readonly got: string;
}

/** Lines of JSON that a program printed. */
export function saidBy(stdout: string): Said[] {
	return stdout
		.split("\n")
		.filter((line) => line.startsWith("{"))
		.map((line): Said => JSON.parse(line));
}

export interface JavaCapture {
	/** Where it listens: `unix:/…`. */
	readonly listen: string;
	/** The agent's argument: see `agentOf`. */
	readonly agent: string;
	readonly polytap: Polytap;
	/** Those that were written so far. */
	exchanges(): Promise<Exchange[]>;
	stop(): Promise<{ exchanges: Exchange[]; totals: Totals }>;
}

/** Of a bridge at `path`: a JVM starts when it has answered, and ends when it has been told everything. */
export function agentOf(path: string): string {
	return `unix:${path},wait_ms=${RUN_MS},last_words_ms=${RUN_MS}`;
}

/** polytap with the bridge, and more sources where a test wants them. */
export async function startJavaCapture(
	scope: Scope,
	options: {
		readonly jvm?: {
			readonly listen?: string;
			readonly plain?: boolean;
			readonly values?: boolean;
			readonly traces?: boolean;
		};
		readonly sources?: object;
	} = {},
): Promise<JavaCapture> {
	const folder = await scope.folder();
	const path = options.jvm?.listen ?? join(folder, "java.sock");
	const records = join(folder, "records.jsonl");
	const polytap = await startPolytap(scope, {
		config: {
			sources: { jvm: { type: "java-agent", listen: path, ...options.jvm }, ...options.sources },
			capture: { max_body_bytes: 8_388_608, merge_window_ms: COLD_MS, correlation_window_ms: COLD_MS },
			sinks: { file: { type: "jsonl", path: records } },
		},
	});
	const exchanges = async (): Promise<Exchange[]> => {
		const lines = existsSync(records) ? (await readFile(records, "utf8")).split("\n").slice(0, -1) : [];
		return lines.map((line): Exchange => JSON.parse(line));
	};
	return {
		listen: `unix:${path}`,
		agent: agentOf(path),
		polytap,
		exchanges,
		async stop() {
			await polytap.settled();
			const { totals } = await polytap.stop();
			return { exchanges: await exchanges(), totals };
		},
	};
}

/** Of Debian's Java libraries. */
export function jars(...names: readonly string[]): string[] {
	return names.map((name) => `/usr/share/java/${name}.jar`);
}

/** Of Maven's local repository, where `mvn dependency:get -Dartifact=GROUP:NAME:VERSION[:jar:CLASSIFIER]` puts it. */
export function mavenJar(group: string, name: string, version: string, classifier?: string): string {
	const file = `${[name, version, ...(classifier === undefined ? [] : [classifier])].join("-")}.jar`;
	return join(homedir(), ".m2/repository", ...group.split("."), name, version, file);
}

/** Netty's OpenSSL of Debian. */
export const TCNATIVE = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/jni/libnetty-tcnative.so`;

/** A folder with it, where Netty looks for another name than Debian's. */
export async function nettyNative(programs: JavaPrograms): Promise<string> {
	const folder = join(programs.folder, "native");
	await mkdir(folder);
	await copyFile(TCNATIVE, join(folder, "libnetty_tcnative.so"));
	return folder;
}

/** Its exchanges, where nothing was lost and no hook failed. */
export async function stopCleanly(t: ExecutionContext, capture: JavaCapture): Promise<Exchange[]> {
	const { exchanges, totals } = await capture.stop();
	t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0, refused_params: 0 });
	t.true((totals.sources.jvm?.counters.agent_hook_calls ?? 0) > 0);
	t.is(totals.bytes.seen, totals.bytes.captured);
	t.deepEqual(totals.problems, []);
	return exchanges;
}

/** Both ends of each connection saw its exchanges. */
export function checkBothEnds(t: ExecutionContext, exchanges: readonly Exchange[]): void {
	for (const { observedBy, request } of exchanges) {
		const seen = observedBy.map(({ vantage }) => vantage).sort();
		t.deepEqual(seen, ["client", "server"], String(request?.attributes["url.path"]));
	}
}

/** The command line, for what is not `run`. */
export function polytapProgram(args: readonly string[]): Program {
	return new Program(process.execPath, [CLI, ...args]);
}

export function sha256(bytes: Uint8Array | string): string {
	return createHash("sha256").update(bytes).digest("hex");
}

/** SHA-256 of a body that was captured whole; what is missing instead where it was not. */
export function bodySha256(message: ExchangeMessage | null): string {
	if (message === null) return "no message";
	const { completeness, encoding, data } = message.body;
	if (completeness !== "complete" || typeof data !== "string") return completeness;
	return sha256(Buffer.from(data, encoding === "base64" ? "base64" : "utf8"));
}
