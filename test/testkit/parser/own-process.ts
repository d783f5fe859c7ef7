import { spawn } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ParserPlugin } from "../../../core/index.js";
import { conversationsOf } from "./checks.js";
import type { Findings } from "./findings.js";
import type { ParserKitOptions } from "./options.js";

/** What the child is told. */
export interface ChildTask {
	readonly module: string;
	readonly withModules: readonly string[];
	/** Conversations with their bytes in base64. */
	readonly conversations: readonly {
		readonly name: string;
		readonly serverPort: number;
		readonly steps: readonly { readonly from: "client" | "server"; readonly base64: string }[];
	}[];
	readonly protocol: string;
	readonly isReadOnly: boolean;
}

/** A call that has not returned after so long never does; a busy machine takes its time for all of them together. */
const HANG_MS = 60_000;
/** What the child ends with where pages cannot be protected here. */
export const CANNOT_PROTECT = 77;

/**
 * The conversations in a child process: on pages that cannot be written, where the parser promises not to write. A write
 * there is a crash, as it is in the kernel's ring.
 */
export async function inOwnProcess(plugin: ParserPlugin, options: ParserKitOptions, findings: Findings): Promise<void> {
	findings.where = "a process of its own";
	if (options.module === undefined) {
		if (plugin.readsOnly === true)
			findings.report("readsOnly", "to see whether it keeps the promise the kit needs the option `module`");
		return;
	}
	const task: ChildTask = {
		module: urlOf(options.module),
		withModules: (options.withModules ?? []).map(urlOf),
		protocol: plugin.protocol,
		isReadOnly: plugin.readsOnly === true,
		conversations: conversationsOf(plugin, options).map(({ name, serverPort = 80, steps }) => ({
			name,
			serverPort,
			steps: steps.map(({ from, text = "", bytes }) => ({
				from,
				base64: Buffer.from(bytes ?? Buffer.from(text, "latin1")).toString("base64"),
			})),
		})),
	};
	const { signal, code, last, errors } = await run(task, options.hangMs ?? HANG_MS);
	findings.where = last;
	if (code === 0) return;
	if (code === CANNOT_PROTECT) throw new Error(`the kit cannot protect pages here: ${errors}`);
	if (signal === "SIGSEGV" || signal === "SIGBUS")
		findings.report("readsOnly", `it wrote into its bytes, and the process ended with ${signal}`);
	else if (signal === "SIGKILL") findings.report("sansIo", "a call did not return");
	else findings.report("sansIo", `the process ended with ${signal ?? code}: ${errors}`);
}

interface Ended {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	/** The last line that it wrote: what it was doing. */
	readonly last: string;
	readonly errors: string;
}

function run(task: ChildTask, hangMs: number): Promise<Ended> {
	const script = fileURLToPath(new URL("./own-process-child.js", import.meta.url));
	const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "pipe"] });
	let output = "";
	let errors = "";
	const timer = setTimeout(() => child.kill("SIGKILL"), hangMs);
	child.stdout.on("data", (chunk) => {
		// it says what it is doing: that goes on
		timer.refresh();
		output = (output + chunk).slice(-4096);
	});
	child.stderr.on("data", (chunk) => {
		errors = (errors + chunk).slice(-4096);
	});
	child.stdin.on("error", () => {});
	child.stdin.end(JSON.stringify(task));
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code, signal) => {
			clearTimeout(timer);
			resolve({ code, signal, last: output.trimEnd().split("\n").at(-1) ?? "", errors });
		});
	});
}

function urlOf(module: string | URL): string {
	if (module instanceof URL) return module.href;
	return module.startsWith("file:") ? module : pathToFileURL(module).href;
}
