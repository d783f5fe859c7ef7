/** The public API: everything a plugin may import, and nothing else. */
export { z } from "zod";
export * from "./content.js";
export * from "./errors.js";
export * from "./events.js";
export * from "./exchange.js";
export { ByteReader } from "./io/byte-reader.js";
export { fileOptions } from "./io/file-options.js";
export { type FileFormat, FileSink } from "./io/file-sink.js";
export { KernelClock } from "./io/kernel-clock.js";
export { Processes } from "./io/processes.js";
export { asWriteError, isBrokenPipe, writeFully } from "./io/write-fully.js";
export * from "./plugin.js";
export { InflateMemory } from "./wire/inflate-memory.js";
export { type Inflated, Inflater, type InflaterOptions, type InflateSink } from "./wire/inflater.js";
export { leastJsonBytes, toJson, writeJson } from "./wire/json.js";
export { type PayloadFacts, payloadFacts } from "./wire/payload-facts.js";
export { decodeEntry } from "./wire/proto-decoding.js";
export { leastProtobufBytes, protobufHeader, writeProtobuf } from "./wire/protobuf.js";
