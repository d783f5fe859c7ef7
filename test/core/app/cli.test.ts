import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { list } from "../../../core/app/commands/list.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "polytap-cli-"));
test.after.always(() => rmSync(folder, { recursive: true }));

function polytap(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", timeout: 60_000 });
	return { status, stdout, stderr };
}

const usage: readonly (readonly [title: string, args: readonly string[], stderr: RegExp])[] = [
	["run without anything to capture", ["run"], /^error\[NO_TARGET\]: .+\nhint: .+\n$/],
	["no command", [], /Usage: polytap/],
	["an unknown command", ["rum"], /^error\[USAGE\]: unknown command 'rum'\n\(Did you mean run\?\)\nhint: /],
	["an unknown option", ["run", "--prot", "1"], /^error\[USAGE\]: unknown option '--prot'/],
	["a port that is none", ["run", "--port", "70000"], /^error\[USAGE\]: .*from 1 to 65535/],
	["a port that is no number", ["run", "--port", "http"], /^error\[USAGE\]: .*from 1 to 65535/],
	["a time that is none", ["run", "--port", "80", "--for", "soon"], /^error\[USAGE\]: .*"soon" is not a time/],
	[
		"an unknown format",
		["read", "x", "--format", "xml"],
		/^error\[USAGE\]: .*Allowed choices are console, pretty, jsonl/,
	],
	["read without a file", ["read"], /^error\[USAGE\]: missing required argument 'files'/],
	["check without a file", ["check"], /^error\[USAGE\]: required option '-c, --config <file>'/],
	[
		"a config file that is not there",
		["check", "-c", "/nowhere/x.yaml"],
		/^error\[CONFIG_UNREADABLE\]: cannot read \/nowhere\/x\.yaml/,
	],
	["run with a config file that is not there", ["run", "-c", "/nowhere/x.yaml"], /^error\[CONFIG_UNREADABLE\]/],
];

for (const [title, args, expected] of usage) {
	test(`bad usage: ${title}: exit code 2`, (t) => {
		const { status, stdout, stderr } = polytap(...args);
		t.regex(stderr, expected);
		t.is(status, 2);
		t.is(stdout, "");
	});
}

test("both a port and a file is bad usage", (t) => {
	const { status, stderr } = polytap("run", "-c", "/nowhere/x.yaml", "--port", "80");
	t.is(status, 2);
	t.regex(stderr, /--port and -c cannot go together/);
});

test("help and version are on stdout, exit code 0", (t) => {
	const help = polytap("--help");
	t.is(help.status, 0);
	for (const command of ["run", "read", "check", "doctor", "list"])
		t.regex(help.stdout, new RegExp(`^ {2}${command}\\b`, "m"));
	const { version } = JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8"));
	t.deepEqual(polytap("--version"), { status: 0, stdout: `${version}\n`, stderr: "" });
});

test("check: every problem with its place, exit code 2", (t) => {
	const file = join(folder, "bad.yaml");
	writeFileSync(file, "version: 1\nsources: {}\nsinks:\n  out: { type: jsonl, paht: x }\ncaptrue: {}\n");
	const { status, stderr } = polytap("check", "-c", file);
	t.is(status, 2);
	t.is(
		stderr,
		`${file}:4:3: sinks.out: "path" is required
${file}:4:23: sinks.out: unknown key "paht" (did you mean "path"?)
${file}:5:1: unknown key "captrue" (did you mean "capture"?)
error[CONFIG_INVALID]: ${file} has 3 problems
hint: \`polytap list\` shows the plugins and their options
`,
	);
});

interface Schema {
	readonly properties?: Readonly<Record<string, Schema>>;
	readonly items?: Schema;
	readonly anyOf?: readonly Schema[];
}

/** Names of all options, those of mappings and of entries of lists included. */
function optionNames({ properties = {}, items, anyOf = [] }: Schema): string[] {
	const inner = [...Object.values(properties), ...(items === undefined ? [] : [items]), ...anyOf];
	return [...Object.keys(properties), ...inner.flatMap(optionNames)];
}

test("list NAME shows every option of every built-in, however deep, and what it means", async (t) => {
	const all: readonly { readonly name: string; readonly options: Schema | null }[] = JSON.parse(await list(null, true));
	t.true(all.length > 10);
	for (const { name, options } of all) {
		const text = await list(name, false);
		for (const option of optionNames(options ?? {}))
			t.regex(text, new RegExp(`^ +(?:- )?${option}(?: \\([^\\n]*\\))?: \\S`, "m"), `${name}: ${option}`);
	}
});

test("list names every plugin and its options", (t) => {
	const { status, stdout } = polytap("list");
	t.is(status, 0);
	t.regex(stdout, /^ {2}jsonl: .+\n(?: {4}.+\n)* {4}path \(required\): /m);
	t.regex(stdout, /^ {6}when_full \("drop_oldest"\): /m);
	t.regex(polytap("list", "jsonl").stdout, /^sinks[^\n]+\n {2}jsonl: /);
	const [one] = JSON.parse(polytap("list", "pcap", "--json").stdout);
	t.deepEqual([one.kind, one.name, one.options.required], ["source", "pcap", ["files"]]);
	const unknown = polytap("list", "jsonlx");
	t.is(unknown.status, 2);
	t.regex(unknown.stderr, /^error\[USAGE\]: there is no plugin "jsonlx" \(did you mean "jsonl"\?\)/);
});

test("check: standard input, and what takes effect without its secrets", (t) => {
	const config =
		'version: 1\nsources: { f: { type: pcap, files: ["${SECRET}"] } }\nsinks: { out: { type: console } }\n';
	const { status, stdout } = spawnSync(process.execPath, [CLI, "check", "-c", "-", "--print"], {
		input: config,
		encoding: "utf8",
		env: { ...process.env, SECRET: "hunter2" },
	});
	t.is(status, 0);
	t.regex(stdout, /^ {6}- "\*\*\*"$/m);
	t.regex(stdout, /^ {6}when_full: drop_oldest$/m);
	t.false(stdout.includes("hunter2"));
});

/** What bash offers for the last of these words. */
function completed(...words: readonly string[]): string[] {
	const script = `source <("$0" "$1" completion bash); shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _polytap; echo "\${COMPREPLY[@]}"`;
	const args = ["-c", script, process.execPath, CLI, "polytap", ...words];
	const { stdout, stderr } = spawnSync("bash", args, { encoding: "utf8", timeout: 60_000 });
	if (stderr !== "") throw new Error(stderr);
	return stdout.trim().split(" ");
}

test("completion: bash offers commands, options and the values that an option may have", (t) => {
	t.deepEqual(completed("ru"), ["run"]);
	t.true(completed("").includes("doctor"));
	t.deepEqual(completed("run", "--fo"), ["--for", "--format"]);
	t.deepEqual(completed("read", "x.pcap", "--format", "json"), ["jsonl"]);
	t.deepEqual(completed("create", "s"), ["source", "sink"]);
});

test("completion: a script for zsh that zsh can read", (t) => {
	const { status, stdout } = polytap("completion", "zsh");
	t.is(status, 0);
	t.regex(stdout, /^#compdef polytap\n/);
	const { error, stderr } = spawnSync("zsh", ["-n"], { input: stdout, encoding: "utf8", timeout: 60_000 });
	if (error !== undefined) process.stderr.write("SKIPPED reading the completion of zsh: zsh is not installed\n");
	else t.is(stderr, "");
});
