/** Broken conversations of Redis: `node dist/test/fuzz/redis-fuzz.js [COUNT] [SEED]`. */
import redis from "../../parsers/redis/index.js";
import { conversations } from "../parsers/redis/conversations.js";
import { fuzzParser } from "./parser-fuzz.js";

await fuzzParser(redis, { conversations });
