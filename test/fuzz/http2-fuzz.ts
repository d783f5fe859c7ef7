/**
 * Broken conversations of HTTP/2 through the test kit's fuzzing. `node dist/test/fuzz/http2-fuzz.js [COUNT] [SEED]` prints the
 * time and the memory; a breach of the contract throws, with the input.
 */
import http2 from "../../parsers/http2/index.js";
import { comparable } from "../parsers/http2/comparable.js";
import { conversations } from "../parsers/http2/conversations.js";
import { fuzzParser } from "./parser-fuzz.js";

await fuzzParser(http2, { conversations, comparable });
