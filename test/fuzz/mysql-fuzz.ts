/** Broken conversations of MySQL: `node dist/test/fuzz/mysql-fuzz.js [COUNT] [SEED]`. */
import mysql from "../../parsers/mysql/index.js";
import { conversations } from "../parsers/mysql/conversations.js";
import { fuzzParser } from "./parser-fuzz.js";

await fuzzParser(mysql, { conversations });
