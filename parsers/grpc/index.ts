/**
 * gRPC and gRPC-Web: payloads of HTTP/2 and HTTP/1.1 messages with such a media type. The exchange's protocol becomes `grpc`;
 * each message is a part of the request or response, with its own time. Attributes: `rpc.system`, `rpc.service`,
 * `rpc.method`, `grpc.timeout_us` of the request; `rpc.grpc.status_code`, `grpc.message` of the response;
 * `rpc.message.compressed` of a part. The status comes from trailers, from the head where there is nothing else, or from
 * gRPC-Web's frame of trailers. Flags: `grpc-status-missing`, `grpc-message-cut`, `grpc-framing-lost`.
 */
import { type ContentContext, type ContentParser, type ParserPlugin, payloadsOnly } from "../../core/index.js";
import { GrpcContent } from "./framing.js";
import { Heads } from "./heads.js";
import { Decoders } from "./message-decoder.js";
import { type GrpcOptions, optionsSchema } from "./options.js";
import type { Schema } from "./schema.js";
import { Shapes } from "./shapes.js";
import { WebTextContent } from "./web-text.js";

function create(context: ContentContext): ContentParser {
	const { shared, mediaType, options } = context;
	let heads = shared.get("heads");
	if (!(heads instanceof Heads)) shared.set("heads", (heads = new Heads()));
	let decoders = shared.get("decoders");
	let shapes = shared.get("shapes") as Shapes | null | undefined;
	if (shapes === undefined) shared.set("shapes", (shapes = options === null ? null : new Shapes(options as Schema)));
	if (!(decoders instanceof Decoders)) shared.set("decoders", (decoders = new Decoders(shapes)));
	const content = new GrpcContent(context, heads as Heads, decoders as Decoders, shapes);
	return mediaType.startsWith("application/grpc-web-text") ? new WebTextContent(content) : content;
}

const grpc: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "grpc",
	summary: "gRPC and gRPC-Web in HTTP/2 and HTTP/1.1: calls, messages by their descriptors or as field trees, status",
	readsOnly: true,
	config: optionsSchema,
	// whoever reads no files loads no reader of them
	prepare: async (options, files) => (await import("./descriptors.js")).prepare(options as GrpcOptions, files),
	...payloadsOnly,
	content: { mediaTypes: ["application/grpc", "application/grpc-web", "application/grpc-web-text"], create },
};

export default grpc;
