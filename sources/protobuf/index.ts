/** The `protobuf` source: files that the sink of the same name wrote. */
import { type SourcePlugin, z } from "../../core/index.js";
import { ProtobufSource } from "./protobuf-source.js";

export const protobufConfig = z.strictObject({
	files: z
		.array(z.string().min(1))
		.min(1)
		.describe(
			"Files of the `protobuf` sink to read, in this order; gzip too, so that rotated ones can be read as they are.",
		),
});

export type ProtobufConfig = z.output<typeof protobufConfig>;

const protobuf: SourcePlugin<ProtobufConfig> = {
	api: 1,
	kind: "source",
	type: "protobuf",
	summary: "Exchange records from files of the `protobuf` sink. Needs no rights.",
	offline: true,
	config: protobufConfig,
	create: (config, context) => new ProtobufSource(config, context),
};

export default protobuf;
