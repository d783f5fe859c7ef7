#!/usr/bin/env node
/** The command line. The only file that ends the process. */
import { writeSync } from "node:fs";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { PolytapError } from "../errors.js";
import { isBrokenPipe, writeFully } from "../io/write-fully.js";
import type { ReportFormat } from "./commands/compare.js";
import { SHELLS, type Shell } from "./commands/completion.js";
import type { PortPin } from "./commands/read.js";
import type { Signals } from "./commands/run.js";
import { FORMATS, type Format } from "./formats.js";
import { exitCodeOf, formatNotice, noticeOf, say } from "./notice.js";
import { parseSpan } from "./span.js";
import { polytapVersion } from "./version.js";

const STDOUT = 1;
/** Named here, so that asking for help loads no more than this file. */
const REPORT_FORMATS: readonly ReportFormat[] = ["text", "json", "html"];
let exitCode = 0;

const program = new Command("polytap")
	.description("Records every request and response on a Linux node, whole.")
	.version(polytapVersion())
	.exitOverride()
	.configureOutput({ writeErr: () => {} });

interface RunFlags {
	readonly config?: string;
	readonly port: readonly number[];
	readonly for?: number;
	readonly totals?: string;
	readonly format: Format;
	readonly pretty?: true;
}

program
	.command("run")
	.description("capture live traffic until a signal or --for ends it")
	.option("-c, --config <file>", "config file; - is standard input")
	.option("-p, --port <ports...>", "server ports to capture with eBPF where there is no config file", ports, [])
	.option("--for <time>", "stop so long after everything captures, like 500ms, 10s, 5m", span)
	.option("--totals <file>", "write the totals as JSON to this file, too")
	.addOption(formatOption("console"))
	.option("--pretty", "the same as --format pretty")
	.action(async (flags: RunFlags) => {
		const { run } = await import("./commands/run.js");
		const options = {
			config: flags.config ?? null,
			ports: flags.port,
			forMs: flags.for ?? null,
			totals: flags.totals ?? null,
			format: flags.pretty === true ? "pretty" : flags.format,
			version: polytapVersion(),
		} as const;
		exitCode = await run(options, handleSignals());
	});

interface ReadFlags {
	readonly format: Format;
	readonly pretty?: true;
	readonly join?: true;
	readonly pin: readonly PortPin[];
}

program
	.command("read")
	.description("print the exchanges of packet captures, and of files that polytap wrote")
	.argument("<files...>", "pcap or pcapng files, files of the protobuf sink, recordings; gzip too")
	.addOption(formatOption("jsonl"))
	.option("--pretty", "the same as --format pretty")
	.option("--join", "the files are pieces of one capture, in this order")
	.option(
		"--pin <port=protocol>",
		"what is spoken on a server's port of captures, like 3307=mysql; may come again",
		pin,
		[],
	)
	.action(async (files: string[], flags: ReadFlags) => {
		const { read } = await import("./commands/read.js");
		const format = flags.pretty === true ? "pretty" : flags.format;
		const options = { files, format, join: flags.join === true, pins: flags.pin };
		exitCode = await read(options, handleSignals().stop);
	});

program
	.command("check")
	.description("validate a config file")
	.requiredOption("-c, --config <file>", "config file; - is standard input")
	.option("--print", "print the config as it takes effect: included files, variables and defaults, secrets masked")
	.action(async ({ config, print: isPrinted }: { config: string; print?: true }) => {
		const { check } = await import("./commands/check.js");
		print(await check(config, isPrinted === true));
	});

interface DoctorFlags {
	readonly json?: true;
	readonly pid?: number;
	readonly port: readonly number[];
	readonly for: number;
	readonly config?: string;
}

program
	.command("doctor")
	.description("what this kernel and this user can capture, and how to fix what is missing")
	.option("--json", "as JSON")
	.option("--pid <pid>", "why each connection of this process is or is not captured", processId)
	.option("-p, --port <ports...>", "the same for connections with one of these ports", ports, [])
	.option("--for <time>", "with --pid or --port: watch them for so long", span, 3_000)
	.option("-c, --config <file>", "with --pid or --port: would this config file capture them?")
	.action(async ({ json, pid, port, for: forMs, config }: DoctorFlags) => {
		const { doctor, doctorProcess } = await import("./commands/doctor.js");
		if (pid !== undefined || port.length > 0) {
			const question = { pid: pid ?? null, ports: port, forMs, config: config ?? null };
			print(await doctorProcess(question, json === true, handleSignals().stop.signal));
			return;
		}
		if (config !== undefined) throw new PolytapError("USAGE", "doctor -c goes with --pid or --port");
		const result = await doctor(json === true);
		print(result.text);
		exitCode = result.exitCode;
	});

interface CompareFlags {
	readonly config?: string;
	readonly for?: number;
	readonly parity: number;
	readonly format: ReportFormat;
	readonly out?: string;
	readonly ignore: readonly string[];
	readonly examples: number;
	readonly tolerance: number;
	readonly by: "source" | "type";
}

program
	.command("compare")
	.description("whether two or more sources see the same: run together, or by the files that they wrote")
	.argument(
		"[files...]",
		"a file for each source (JSON lines, protobuf, recordings, packet captures), or one of several",
	)
	.option("-c, --config <file>", "config file whose sources run together; its sinks are not used")
	.option("--for <time>", "with -c: stop so long after everything captures, like 60s", span)
	.option("--parity <percent>", "exit 4 where less than that is matched and equal", percent, 100)
	.addOption(new Option("-f, --format <format>", "of the report").choices(REPORT_FORMATS).default("text"))
	.option("-o, --out <file>", "write the report there, and the text to standard output")
	.option("--ignore <words...>", "causes of misses and fields that do not count: filtered, request.headers", [])
	.addOption(
		new Option("--by <what>", "compare each source by itself, or all of one type together")
			.choices(["source", "type"])
			.default("source"),
	)
	.option("--examples <count>", "differences and misses shown of each kind", count, 20)
	.option("--tolerance <time>", "times of one exchange may differ by so much", span, 5_000)
	.action(async (files: string[], flags: CompareFlags) => {
		const { compareSources } = await import("./commands/compare.js");
		const settings = {
			files,
			config: flags.config ?? null,
			forMs: flags.for ?? null,
			parity: flags.parity,
			format: flags.format,
			ignore: flags.ignore,
			examples: flags.examples,
			toleranceMs: flags.tolerance,
			by: flags.by,
			out: flags.out ?? null,
		};
		const compared = await compareSources(settings, handleSignals().stop);
		await writeFully(STDOUT, Buffer.from(compared.text)).catch((error: unknown) => {
			if (!isBrokenPipe(error)) throw error;
		});
		exitCode = compared.exitCode;
	});

program
	.command("sidecar-rules")
	.description("the kernel's redirection to the legacy sidecars of a config: printed, installed, released or removed")
	.argument(
		"[action]",
		"print (nothing is changed), install, release (nothing new, open ones keep their way), remove",
		"print",
	)
	.requiredOption("-c, --config <file>", "config file; - is standard input")
	.action(async (action: string, { config }: { config: string }) => {
		if (action !== "print" && action !== "install" && action !== "release" && action !== "remove")
			throw new PolytapError("USAGE", `sidecar-rules ${action}: it is print, install, release or remove`);
		const { sidecarRules } = await import("./commands/sidecar-rules.js");
		print(await sidecarRules(config, action));
	});

program
	.command("java")
	.description("the Java agent")
	.command("attach")
	.description("put the agent into a JVM that runs already; -javaagent at its start is the better way")
	.argument("<pid>", "of the JVM", processId)
	.option("--listen <address>", "where polytap listens, as the JVM sees it", "unix:/run/polytap/java.sock")
	.option("--token-file <file>", "what the source's token is, in a file that the JVM can read")
	.option("--copy", "copy the agent into the JVM's /tmp where its container does not have it")
	.action(async (pid: number, { listen, tokenFile, copy }: { listen: string; tokenFile?: string; copy?: true }) => {
		const { javaAttach } = await import("./commands/java-attach.js");
		print(await javaAttach(pid, { listen, tokenFile: tokenFile ?? null, copies: copy === true }));
	});

program
	.command("list")
	.description("the plugins and their options")
	.argument("[name]", "only this one")
	.option("--json", "as JSON: each plugin with the JSON Schema of its options")
	.option("-c, --config <file>", "with the plugins that this config file names")
	.action(async (name: string | undefined, { json, config }: { json?: true; config?: string }) => {
		const { list } = await import("./commands/list.js");
		print(await list(name ?? null, json === true, config ?? null));
	});

program
	.command("bench")
	.description("nothing, eBPF, sidecars and proxies side by side on this machine: a report with plots")
	.argument("[options...]", "of the benchmark, like --rounds 3 --out FOLDER; a wrong one lists them all")
	.allowUnknownOption()
	.helpOption(false)
	.action(async (options: string[]) => {
		const { bench } = await import("./commands/bench.js");
		exitCode = await bench(options);
	});

program
	.command("create")
	.description("a new plugin in a folder of its own: code, tests, a config")
	.addArgument(new Argument("<kind>", "what it is").choices(["source", "parser", "sink"]))
	.argument("<name>", "of the plugin and its folder, like my-plugin")
	.action(async (kind: "source" | "parser" | "sink", name: string) => {
		const { create } = await import("./commands/create.js");
		print(await create(kind, name, process.cwd()));
	});

program
	.command("schema")
	.description("the JSON Schema of the config file, for editors")
	.action(async () => {
		const { schema } = await import("./commands/schema.js");
		print(await schema());
	});

program
	.command("completion")
	.description("a completion script: source <(polytap completion bash)")
	.addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
	.action(async (shell: Shell) => {
		const { completion } = await import("./commands/completion.js");
		print(completion(shell, program));
	});

try {
	await program.parseAsync();
} catch (error) {
	exitCode = explain(error);
}
process.exit(exitCode);

/** Data for a person or a script; a reader that went away is no error. */
function print(text: string): void {
	try {
		writeSync(STDOUT, text);
	} catch (error) {
		if (!isBrokenPipe(error)) throw error;
	}
}

/** Says what went wrong and returns the exit code. */
function explain(error: unknown): number {
	if (error instanceof CommanderError) {
		// Asked for help or the version, which commander has printed.
		if (error.exitCode === 0) return 0;
		if (error.code === "commander.help") {
			say(program.helpInformation());
			return 2;
		}
		const message = error.message.replace(/^error: /, "");
		say(formatNotice("error", { code: "USAGE", message, hint: "polytap --help, or polytap run --help" }));
		return 2;
	}
	if (error instanceof PolytapError && "lines" in error && Array.isArray(error.lines)) say(error.lines.join("\n"));
	const notice = noticeOf(error);
	say(formatNotice("error", notice));
	return exitCodeOf(notice);
}

/** The first signal asks for an orderly end; the second one does not ask. SIGHUP may come to mean something else. */
function handleSignals(): Signals {
	const stop = new AbortController();
	const end = () => {
		// Not by an exit: that waits for a write to a pipe that nobody reads.
		if (stop.signal.aborted) process.kill(process.pid, "SIGKILL");
		stop.abort();
	};
	let hangup = end;
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);
	process.on("SIGHUP", () => hangup());
	return {
		stop,
		onHangup: (work) => {
			hangup = work;
		},
	};
}

function formatOption(standard: Format): Option {
	return new Option("-f, --format <format>", "what to print").choices(FORMATS).default(standard);
}

function ports(text: string, before: readonly number[]): readonly number[] {
	const found = text.split(",").map(Number);
	if (!found.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)) {
		throw new InvalidArgumentError("A port is a number from 1 to 65535.");
	}
	return [...before, ...found];
}

function processId(text: string): number {
	const pid = Number(text);
	if (!Number.isInteger(pid) || pid < 1) throw new InvalidArgumentError("It is the number of a process.");
	return pid;
}

function percent(text: string): number {
	const value = Number(text);
	if (text.trim() === "" || !(value >= 0 && value <= 100)) throw new InvalidArgumentError("From 0 to 100.");
	return value;
}

function count(text: string): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < 0 || value > 1_000_000) throw new InvalidArgumentError("A whole number.");
	return value;
}

function pin(text: string, before: readonly PortPin[]): readonly PortPin[] {
	const [, port, protocol = ""] = /^(\d{1,5})=(\S+)$/.exec(text) ?? [];
	const number = Number(port);
	if (!(number >= 1 && number <= 65_535)) throw new InvalidArgumentError("It is PORT=PROTOCOL, like 3307=mysql.");
	return [...before, { ports: [number], protocol }];
}

function span(text: string): number {
	try {
		return parseSpan(text);
	} catch (error) {
		throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : "");
	}
}
