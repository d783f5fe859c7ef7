/**
 * The import law: plugins know `core/index` and their own folder only; parsers and the engine do no I/O; the engine and the
 * other parts of core do not know the app. Holds for static imports, re-exports and `import()`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Node.js modules that compute and do nothing else. */
const PURE = new Set([
	"node:buffer",
	"node:crypto",
	"node:zlib",
	"node:util",
	// parses texts and descriptors that it is given
	"protobufjs",
	"protobufjs/ext/descriptor.js",
]);

interface Rule {
	readonly folder: RegExp;
	/** Null: fine. Otherwise why not. `target` is a path in the repository, or a package or Node.js module as written. */
	allows(target: string, folder: string): string | null;
}

const inside = (target: string, folder: string) => target.startsWith(`${folder}/`);
const isLocal = (target: string) => /^(core|sources|parsers|sinks|test|bench|scripts)\//.test(target);

const rules: readonly Rule[] = [
	{
		folder: /^(?:sources|parsers|sinks)\/[^/]+/,
		allows: (target, folder) =>
			!isLocal(target) || target === "core/index.js" || inside(target, folder)
				? null
				: "a plugin imports core/index.js and its own folder only",
	},
	{
		folder: /^(?:sources|parsers|sinks)\/[^/]+/,
		allows: (target) => (target === "zod" || target.startsWith("zod/") ? "plugins take `z` from core/index.js" : null),
	},
	{
		folder: /^(?:parsers\/[^/]+|core\/engine)/,
		allows: (target) => (isLocal(target) || PURE.has(target) ? null : "parsers and the engine do no I/O"),
	},
	{
		folder: /^core\/(?:engine|config|delivery|wire|io)/,
		allows: (target) => (inside(target, "core/app") ? "only the app knows the app" : null),
	},
	{
		folder: /^core\/(?!app\/)/,
		allows: (target) => (/^(?:sources|parsers|sinks)\//.test(target) ? "only core/app knows plugins" : null),
	},
	{
		folder: /^core\/.*/,
		allows: (target, file) =>
			/^(?:inversify|reflect-metadata)$/.test(target) && file !== "core/app/compose.ts"
				? "inversify belongs to the composition root"
				: null,
	},
	{
		folder: /^(?:core|sources|parsers|sinks)/,
		allows: (target) => (/^(?:test|bench|scripts)\//.test(target) ? "what is shipped needs no tests" : null),
	},
];

function importsOf(text: string): string[] {
	const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
	const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+|\bhere\(\s*)["']([^"']+)["']/gm);
	return [...found].map(([, specifier = ""]) => specifier);
}

function violations(file: string, text: string): string[] {
	const found: string[] = [];
	for (const specifier of importsOf(text)) {
		const target = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
		for (const { folder, allows } of rules) {
			const matched = folder.exec(file)?.[0];
			const why = matched === undefined ? null : allows(target, matched);
			if (why !== null) found.push(`${file} imports ${specifier}: ${why}`);
		}
		if (
			!specifier.startsWith(".") &&
			!specifier.startsWith("node:") &&
			/^(?:fs|net|path|os|http|zlib|crypto)\b/.test(specifier)
		) {
			found.push(`${file} imports ${specifier}: write node:${specifier}`);
		}
	}
	return found;
}

function sourceFiles(): string[] {
	return ["core", "sources", "parsers", "sinks"].flatMap((top) =>
		readdirSync(join(root, top), { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".ts"))
			.map((name) => `${top}/${name}`),
	);
}

test("every source file keeps the law", (t) => {
	const files = sourceFiles();
	t.true(files.length > 30);
	t.deepEqual(
		files.flatMap((file) => violations(file, readFileSync(join(root, file), "utf8"))),
		[],
	);
});

const forbidden: readonly (readonly [file: string, line: string])[] = [
	["parsers/a/index.ts", 'import { x } from "../b/index.js";'],
	["parsers/a/index.ts", 'import type { Engine } from "../../core/engine/engine.js";'],
	["parsers/a/index.ts", 'import { readFileSync } from "node:fs";'],
	["parsers/a/index.ts", 'const net = await import("node:net");'],
	["parsers/a/index.ts", 'import net from "net";'],
	["parsers/a/deep/er.ts", 'import { x } from "../../b/index.js";'],
	["sinks/a/index.ts", 'import { z } from "zod";'],
	["sinks/a/index.ts", 'import other from "../../sources/b/index.js";'],
	["sources/a/index.ts", 'export * from "../../core/plugin.js";'],
	["core/engine/engine.ts", 'import { run } from "../app/run.js";'],
	["core/engine/engine.ts", 'import "node:child_process";'],
	["core/delivery/queue.ts", 'import { run } from "../app/run.js";'],
	["core/wire/json.ts", 'import http from "../../parsers/http1/index.js";'],
	["core/app/pipeline.ts", 'import { Container } from "inversify";'],
	["core/app/cli.ts", 'import { sample } from "../../test/core/sample-exchange.js";'],
];

for (const [file, line] of forbidden) {
	test(`the law forbids: ${file}: ${line}`, (t) => {
		t.true(violations(file, line).length >= 1);
	});
}

const allowed: readonly (readonly [file: string, line: string])[] = [
	["parsers/a/index.ts", 'import { x } from "../../core/index.js";'],
	["parsers/a/deep/er.ts", 'import { x } from "../index.js";'],
	["sources/a/index.ts", 'import { open } from "node:fs/promises";'],
	["core/engine/engine.ts", 'import { hash } from "node:crypto";'],
	["core/app/compose.ts", 'import { Container } from "inversify";'],
	["core/app/commands/doctor.ts", 'import { probe } from "../../../sources/ebpf/probe.js";'],
];

for (const [file, line] of allowed) {
	test(`the law allows: ${file}: ${line}`, (t) => t.deepEqual(violations(file, line), []));
}
