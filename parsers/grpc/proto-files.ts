/** `.proto` files and what they import, as protobufjs understands them. */
import protobuf from "protobufjs";
import type { ConfigFiles, OptionProblem } from "../../core/index.js";
import { unresolvedOf } from "./compile.js";

/** More is no set of descriptors but a folder that was named by mistake. */
const MAX_FILES = 4096;
const MAX_PROBLEMS = 50;

const DESCRIPTOR = "google/protobuf/descriptor.proto";
/** Of that file what others extend by options of their own; those say nothing of what is on the wire. */
const OPTIONS = {
	nested: {
		google: {
			nested: {
				protobuf: {
					nested: Object.fromEntries(
						["File", "Message", "Field", "ExtensionRange", "Oneof", "Enum", "EnumValue", "Service", "Method"].map(
							(of) => [`${of}Options`, { fields: {}, extensions: [[1000, 536_870_911]] }],
						),
					),
				},
			},
		},
	},
};

interface Loaded {
	/** As it was named. */
	readonly name: string;
	readonly text: string;
}

export class ProtoFiles {
	readonly root = new protobuf.Root();
	readonly problems: OptionProblem[] = [];
	readonly #files: ConfigFiles;
	readonly #include: readonly string[];
	/** By absolute path. */
	readonly #loaded = new Map<string, Loaded>();
	readonly #builtIn = new Set<string>();

	constructor(files: ConfigFiles, include: readonly string[]) {
		this.#files = files;
		this.#include = include;
	}

	/** `index`: in the option `protos`. */
	async add(name: string, index: number): Promise<void> {
		const path = this.#files.resolve(name);
		let text: string;
		try {
			text = await this.#read(path);
		} catch (error) {
			this.problems.push({ path: ["protos", index], message: `cannot read ${name}: ${reasonOf(error)}` });
			return;
		}
		await this.#parse(path, name, text);
	}

	/** When all are there: types that nobody defines, and what else protobufjs finds. */
	check(): void {
		if (this.problems.length > 0) return;
		for (const { type, user, file } of unresolvedOf(this.root)) {
			const loaded = file === null ? undefined : this.#loaded.get(file);
			const message = `${user}: there is no type "${type}"`;
			this.#report(message, loaded ?? this.#mentions(type), new RegExp(`\\b${escaped(type)}\\b`), 0);
		}
		if (this.problems.length > 0) return;
		try {
			this.root.resolveAll();
		} catch (error) {
			this.#reportError(error, [...this.#loaded.values()].at(-1));
		}
	}

	async #parse(path: string, name: string, text: string): Promise<void> {
		if (this.#loaded.has(path)) return;
		if (this.#loaded.size >= MAX_FILES) {
			this.problems.push({ path: ["protos"], message: `more than ${MAX_FILES} files` });
			return;
		}
		const loaded = { name, text };
		this.#loaded.set(path, loaded);
		let parsed: protobuf.IParserResult;
		try {
			nameFile(path);
			parsed = protobuf.parse(text, this.root, { keepCase: true });
		} catch (error) {
			this.#reportError(error, loaded);
			return;
		} finally {
			nameFile(null);
		}
		for (const wanted of [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])])
			await this.#import(wanted, path, loaded);
	}

	async #import(name: string, importer: string, loaded: Loaded): Promise<void> {
		const folders = [
			...this.#include.map((folder) => this.#files.resolve(folder)),
			"",
			this.#files.resolve("..", importer),
		];
		for (const folder of folders) {
			const path = folder === "" ? this.#files.resolve(name) : this.#files.resolve(name, folder);
			if (this.#loaded.has(path)) return;
			let text: string;
			try {
				text = await this.#read(path);
			} catch {
				continue;
			}
			await this.#parse(path, path, text);
			return;
		}
		const known = name === DESCRIPTOR ? OPTIONS : protobuf.common.get(name);
		if (known === null) {
			this.#report(`there is no file "${name}" in any folder of \`include\``, loaded, new RegExp(escaped(name)), 0);
			return;
		}
		if (this.#builtIn.has(name)) return;
		this.#builtIn.add(name);
		if (known.nested !== undefined) this.root.addJSON(known.nested);
	}

	async #read(path: string): Promise<string> {
		return Buffer.from(await this.#files.read(path)).toString("utf8");
	}

	/** A file that uses a type. */
	#mentions(type: string): Loaded | undefined {
		const pattern = new RegExp(`\\b${escaped(type)}\\b`);
		return [...this.#loaded.values()].find(({ text }) => pattern.test(text));
	}

	/** Errors of protobufjs name a line at most, and what stands there. */
	#reportError(error: unknown, loaded: Loaded | undefined): void {
		const text = reasonOf(error);
		const line = Number(/\bline (\d+)\)/.exec(text)?.[1] ?? 0);
		const message = text.replace(/ \((?:[^()]*, )?line \d+\)/, "");
		const token = /'([^']+)'/.exec(message)?.[1];
		this.#report(message, loaded, token === undefined ? null : new RegExp(escaped(token)), line);
	}

	/** At the first place of `pattern`, in `line` (1-based) where that is known. */
	#report(message: string, loaded: Loaded | undefined, pattern: RegExp | null, line: number): void {
		if (this.problems.length >= MAX_PROBLEMS) return;
		if (loaded === undefined) {
			this.problems.push({ path: ["protos"], message });
			return;
		}
		const lines = loaded.text.split("\n");
		const found = line > 0 ? line : lines.findIndex((each) => pattern?.test(each.replace(/\/\/.*/, ""))) + 1;
		const column = pattern === null ? 0 : (lines[found - 1]?.search(pattern) ?? 0);
		const place = { file: loaded.name, line: Math.max(found, 1), column: Math.max(column, 0) + 1 };
		this.problems.push({ path: ["protos"], message, place });
	}
}

/** What protobufjs parses from now on stands there; its types do not know that. */
function nameFile(filename: string | null): void {
	Object.assign(protobuf.parse, { filename });
}

export function reasonOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

function escaped(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
