/** What a file of captured traffic is, by its first bytes. */
import { stat } from "node:fs/promises";
import { EXCHANGE_SCHEMA } from "../exchange.js";
import { ByteReader } from "../io/byte-reader.js";
import { MAGIC } from "../recording/block.js";

/** A word that names the source which reads it, or a recording. */
export type FileKind = "pcap" | "protobuf" | "recording";

const LOOK_BYTES = 64;
/** The length of the header entry, its tag and length, and those of the schema. */
const SCHEMA_AT = 5;

/** What cannot be read, can be read only once, or is not known, is a matter for `pcap` to judge. */
export async function kindOfFile(path: string): Promise<FileKind> {
	const found = await stat(path).catch(() => null);
	if (found === null || !found.isFile()) return "pcap";
	const start = await firstBytes(path).catch(() => Buffer.alloc(0));
	if (start.subarray(0, MAGIC.length).equals(MAGIC)) return "recording";
	if (start.toString("latin1", SCHEMA_AT, SCHEMA_AT + EXCHANGE_SCHEMA.length) === EXCHANGE_SCHEMA) return "protobuf";
	return "pcap";
}

async function firstBytes(path: string): Promise<Buffer> {
	const reader = await ByteReader.open(path);
	try {
		await reader.fill(LOOK_BYTES);
		return Buffer.from(reader.peek(LOOK_BYTES));
	} finally {
		await reader.close();
	}
}
