/** The `jsonl` sink: one exchange as one JSON object a line, into a file or standard output. */
import {
	type FileFormat,
	FileSink,
	fileOptions,
	leastJsonBytes,
	type SinkPlugin,
	writeJson,
	z,
} from "../../core/index.js";

export const jsonlConfig = z.strictObject(fileOptions);

export type JsonlConfig = z.output<typeof jsonlConfig>;

const FORMAT: FileFormat = {
	name: "JSON",
	header: () => new Uint8Array(0),
	existing: "lines",
	leastBytes: leastJsonBytes,
	write: writeJson,
};

const jsonl: SinkPlugin<JsonlConfig> = {
	api: 1,
	kind: "sink",
	type: "jsonl",
	summary: "One JSON object a line, into a file (rotated by size and time) or standard output.",
	config: jsonlConfig,
	create: (config, context) => new FileSink(config, context, FORMAT),
};

export default jsonl;
