/** The `jsonl` sink: one exchange as one JSON object a line, into a file or standard output. */
import { type SinkPlugin, z } from "../../core/index.js";
import { JsonlSink } from "./jsonl-sink.js";

export const jsonlConfig = z.strictObject({
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
});

export type JsonlConfig = z.output<typeof jsonlConfig>;

const jsonl: SinkPlugin<JsonlConfig> = {
	api: 0,
	kind: "sink",
	type: "jsonl",
	summary: "One JSON object a line, into a file (rotated by size and time) or standard output.",
	config: jsonlConfig,
	create: (config, context) => new JsonlSink(config, context),
};

export default jsonl;
