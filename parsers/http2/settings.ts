import type { AttributeValue, Direction } from "../../core/index.js";
import { wordAt } from "./frames.js";

/** RFC 9113, section 6.5.2; RFC 8441; RFC 9218. */
const NAMES: Readonly<Record<number, string>> = {
	1: "header_table_size",
	2: "enable_push",
	3: "max_concurrent_streams",
	4: "initial_window_size",
	5: "max_frame_size",
	6: "max_header_list_size",
	8: "enable_connect_protocol",
	9: "no_rfc7540_priorities",
	// of gRPC: values of fields that end with -bin need no base64
	65027: "grpc_allow_true_binary_metadata",
};
const INITIAL_WINDOW_SIZE = 4;
const ENTRY_BYTES = 6;

/** Notes the settings in `bytes` as those of whoever sends in `dir`. Returns the initial window, or -1 where it is not set. */
export function readSettings(
	bytes: Uint8Array,
	from: number,
	to: number,
	dir: Direction,
	notes: Map<string, AttributeValue>,
): number {
	let window = -1;
	for (let at = from; at + ENTRY_BYTES <= to; at += ENTRY_BYTES) {
		const name = NAMES[(bytes[at]! << 8) | bytes[at + 1]!];
		const value = wordAt(bytes, at + 2);
		if (name === undefined) continue;
		notes.set(`http2.settings.${dir === 0 ? "client" : "server"}.${name}`, value);
		if (name === NAMES[INITIAL_WINDOW_SIZE]) window = value;
	}
	return window;
}
