/** The `protobuf` sink: exchange records as Protocol Buffers (core/wire/exchange.proto), into a file or standard output. */
import {
	type FileFormat,
	FileSink,
	fileOptions,
	leastProtobufBytes,
	protobufHeader,
	type SinkPlugin,
	writeProtobuf,
	z,
} from "../../core/index.js";

export const protobufConfig = z.strictObject(fileOptions);

export type ProtobufConfig = z.output<typeof protobufConfig>;

const FORMAT: FileFormat = {
	name: "Protocol Buffers",
	header: protobufHeader,
	existing: "aside",
	leastBytes: leastProtobufBytes,
	write: writeProtobuf,
};

const protobuf: SinkPlugin<ProtobufConfig> = {
	api: 1,
	kind: "sink",
	type: "protobuf",
	summary:
		"Protocol Buffers, each record behind its length, into a file or standard output; `polytap read` reads it back.",
	config: protobufConfig,
	create: (config, context) => new FileSink(config, context, FORMAT),
};

export default protobuf;
