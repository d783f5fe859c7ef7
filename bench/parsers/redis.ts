/** Redis through the whole engine on one core: `node dist/bench/parsers/redis.js`. */
import redis from "../../parsers/redis/index.js";
import { bulk, command } from "../../test/parsers/redis/talk.js";
import { main } from "../harness/options.js";
import { benchParser } from "../harness/parser-throughput.js";

const SMALL = bulk("x".repeat(20));
const LARGE = "x".repeat(32 << 20);
const ELEMENT = bulk("x".repeat(1024));
const PIPELINE = 16;
const get = command("GET", "key:000000000007");
const of = (text: string): Buffer => Buffer.from(text, "latin1");

await main(() =>
	benchParser({
		parser: redis,
		name: "redis",
		port: 6379,
		opening: [],
		openingExchanges: 0,
		talks: [
			{ name: "GET, 20 bytes", request: of(get), response: of(SMALL), times: 150_000 },
			{
				name: "SET, 20 bytes",
				request: of(command("SET", "key:000000000007", "x".repeat(20))),
				response: of("+OK\r\n"),
				times: 150_000,
			},
			{
				name: "GET, 20 bytes, 16 in a pipeline",
				request: of(get.repeat(PIPELINE)),
				response: of(SMALL.repeat(PIPELINE)),
				times: 10_000,
				exchanges: PIPELINE,
			},
			{ name: "GET, a bulk string of 32 MiB", request: of(get), response: of(bulk(LARGE)), times: 12 },
			{
				name: "SET, a bulk string of 32 MiB",
				request: of(command("SET", "k", LARGE)),
				response: of("+OK\r\n"),
				times: 12,
			},
			{
				name: "LRANGE, 32,768 strings of 1 KiB",
				request: of(command("LRANGE", "list", "0", "-1")),
				response: of(`*32768\r\n${ELEMENT.repeat(32_768)}`),
				times: 8,
			},
		],
	}),
);
