/** Broken conversations of PostgreSQL: `node dist/test/fuzz/postgresql-fuzz.js [COUNT] [SEED]`. */
import postgresql from "../../parsers/postgresql/index.js";
import tls from "../../parsers/tls/index.js";
import { conversations } from "../parsers/postgresql/conversations.js";
import { fuzzParser } from "./parser-fuzz.js";

await fuzzParser(postgresql, { conversations, with: [tls] });
