/** The options of every sink that writes a file. */
import { z } from "zod";

export const fileOptions = {
	path: z
		.string()
		.min(1)
		.describe("File to append to; `-` is standard output. Folders are made (0700), files are 0600."),
	rotate_bytes: z
		.int()
		.min(4096)
		.nullable()
		.default(null)
		.describe("Start a new file before this size would be passed. Nothing: never."),
	rotate_secs: z
		.int()
		.min(1)
		.nullable()
		.default(null)
		.describe("Start a new file when this one is so old. Nothing: never."),
	gzip: z.boolean().default(false).describe("Compress a file when it has been rotated away."),
	keep_files: z.int().min(1).nullable().default(null).describe("How many rotated files stay. Nothing: all of them."),
	fsync: z
		.enum(["never", "rotate", "each_batch"])
		.default("never")
		.describe("When to force the file to the disk: never, when it is rotated or closed, or after each batch."),
};

export type FileOptions = z.output<z.ZodObject<typeof fileOptions>>;
