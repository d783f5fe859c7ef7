import { z } from "../../core/index.js";

const files = z.array(z.string().min(1)).max(1000).default([]);

export const optionsSchema = z.strictObject({
	protos: files.describe("`.proto` files. Paths start at the config file's folder."),
	descriptor_sets: files.describe(
		"Files that `protoc --include_imports --descriptor_set_out=FILE` or `buf build -o FILE` wrote.",
	),
	include: files.describe(
		"Folders in which imports of `.proto` files are looked for, in this order; then the config file's folder, and that of the importing file.",
	),
});

export type GrpcOptions = z.output<typeof optionsSchema>;
