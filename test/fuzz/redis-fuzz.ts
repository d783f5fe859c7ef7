/**
 * Broken conversations of Redis through the test kit's fuzzing. `node dist/test/fuzz/redis-fuzz.js [COUNT] [SEED]` prints
 * the time and the memory; a breach of the contract throws, with the input.
 */
import redis from "../../parsers/redis/index.js";
import { conversations } from "../parsers/redis/conversations.js";
import { fuzzParser } from "./parser-fuzz.js";

await fuzzParser(redis, conversations, Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 1));
