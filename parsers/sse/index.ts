/**
 * Server-sent events: payloads `text/event-stream` of HTTP/1.1 and HTTP/2 responses. Each event is a record of kind `message`
 * whose parent is the exchange, as soon as its empty line has passed; its body is the event's data. Attributes:
 * `sse.event.type`, `sse.event.id`, `sse.retry_ms`. Flags of events: `no-data`, `fields-cut`, `incomplete`, `events-lost`; of the
 * exchange: `events-lost`, `event-coding-lost`.
 */
import { type ParserPlugin, payloadsOnly } from "../../core/index.js";
import { eventContent } from "./content.js";

const sse: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "sse",
	summary: "server-sent events in HTTP/1.1 and HTTP/2: each event as it passes",
	readsOnly: true,
	...payloadsOnly,
	content: { mediaTypes: ["text/event-stream"], create: eventContent },
};

export default sse;
