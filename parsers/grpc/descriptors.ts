/** Reads what the options name, while the config is read: the only part of this parser that waits for files. */
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js";
import type { ConfigFiles, OptionProblem, PreparedOptions } from "../../core/index.js";
import { compile, joined, unresolvedOf } from "./compile.js";
import type { GrpcOptions } from "./options.js";
import { ProtoFiles, reasonOf } from "./proto-files.js";
import type { Schema } from "./schema.js";

/** The schema, or null where the options name nothing. */
export async function prepare(
	{ protos, descriptor_sets, include }: GrpcOptions,
	files: ConfigFiles,
): Promise<PreparedOptions> {
	const problems: OptionProblem[] = [];
	const schemas: Schema[] = [];
	if (protos.length > 0) {
		const read = new ProtoFiles(files, include);
		for (const [index, name] of protos.entries()) await read.add(name, index);
		read.check();
		problems.push(...read.problems);
		if (read.problems.length === 0) schemas.push(compile(read.root));
	}
	for (const [index, name] of descriptor_sets.entries()) {
		const found = await readSet(name, files);
		if (typeof found === "string") problems.push({ path: ["descriptor_sets", index], message: `${name}: ${found}` });
		else schemas.push(found);
	}
	if (problems.length > 0) return { problems };
	return { options: schemas.length === 0 ? null : joined(schemas) };
}

/** Or what is wrong with it. */
async function readSet(name: string, files: ConfigFiles): Promise<Schema | string> {
	let bytes: Uint8Array;
	try {
		bytes = await files.read(files.resolve(name));
	} catch (error) {
		return `cannot be read: ${reasonOf(error)}`;
	}
	try {
		const root = protobuf.Root.fromDescriptor(bytes, { keepCase: true });
		const [missing] = unresolvedOf(root);
		if (missing !== undefined)
			return `there is no type "${missing.type}", which ${missing.user} needs: was the set written with its imports?`;
		const schema = compile(root);
		return schema.messages.length === 0 ? "no descriptor set, or an empty one" : schema;
	} catch (error) {
		return `no descriptor set: ${reasonOf(error)}`;
	}
}
