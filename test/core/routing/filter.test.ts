import test from "ava";
import { compileFilter, sampleOf } from "../../../core/routing/filter.js";
import { type FilterOptions, filterSchema } from "../../../core/routing/schema.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../engine/harness.js";
import { sampleExchange, sampleMessage, sampleProcess } from "../sample-exchange.js";

const captured = (() => {
	const h = new Harness({}, [http1]).open(1, "server", { process: sampleProcess });
	h.bytes(0, 0, "GET /orders/7?x=1 HTTP/1.1\r\nHost: Shop.Example.com:8080\r\n\r\n");
	h.nowUs += 20_000;
	h.bytes(1, 0, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	return h.exchanges[0]!;
})();
/** The same as a source would give it that decodes by itself. */
const plain = JSON.parse(JSON.stringify(captured));

const cases: [FilterOptions, boolean][] = [
	[{ protocols: ["http/1.1"] }, true],
	[{ protocols: ["http/*"] }, true],
	[{ protocols: ["grpc"] }, false],
	[{ ports: [80] }, true],
	[{ ports: [8080] }, false],
	[{ hosts: ["*.example.com"] }, true],
	[{ hosts: ["SHOP.example.com"] }, true],
	[{ hosts: ["example.com"] }, false],
	[{ paths: ["/orders/*"] }, true],
	[{ paths: ["/orders"] }, false],
	[{ paths: ["/nothing", "/**"] }, true],
	[{ status: ["5xx"] }, true],
	[{ status: [503] }, true],
	[{ status: ["500-599"] }, true],
	[{ status: ["4xx", 200] }, false],
	[{ min_duration_ms: 20 }, true],
	[{ min_duration_ms: 30 }, false],
	[{ max_duration_ms: 30 }, true],
	[{ max_duration_ms: 1 }, false],
	[{ pids: [7] }, true],
	[{ pids: [8] }, false],
	[{ processes: ["ngin*"] }, true],
	[{ processes: ["node"] }, false],
	[{ kinds: ["exchange"] }, true],
	[{ kinds: ["message"] }, false],
	[{ outcomes: [captured.outcome] }, true],
	[{ outcomes: ["aborted"] }, false],
	[{ ports: [80], status: ["4xx"] }, false],
	[{ any: [{ ports: [1] }, { status: ["5xx"] }] }, true],
	[{ any: [{ ports: [1] }, { status: ["4xx"] }] }, false],
	[{ not: { paths: ["/health"] } }, true],
	[{ not: { paths: ["/orders/**"] } }, false],
	[{ sample: 1 }, true],
	[{ sample: 0 }, false],
];

for (const [options, expected] of cases)
	test(`${JSON.stringify(options)}: ${expected}`, (t) => {
		t.true(filterSchema.safeParse(options).success);
		const filter = compileFilter(options)!;
		t.is(filter(captured), expected);
		t.is(filter(plain), expected);
	});

test("nothing asked for: there is no filter", (t) => t.is(compileFilter({}), null));

test("a database's own code is a status too; without a response there is none", (t) => {
	const response = sampleMessage({ attributes: { "db.response.status_code": "40P01" } });
	const filter = compileFilter({ status: ["40P01"] })!;
	t.true(filter(sampleExchange({ response })));
	t.false(filter(sampleExchange({ response: null })));
	t.false(filter(sampleExchange()));
});

test("a sample keeps about its part of the connections, and of each all or nothing", (t) => {
	const ids = Array.from({ length: 20_000 }, (_, index) => index.toString(16).padStart(32, "0"));
	const kept = ids.filter((id) => sampleOf(id) < 0.1);
	t.true(kept.length > 1_800 && kept.length < 2_200, String(kept.length));
	const filter = compileFilter({ sample: 0.1 })!;
	for (const id of ids.slice(0, 200)) {
		const { connection } = sampleExchange();
		const all = [1, 2, 3].map((n) => filter(sampleExchange({ id: String(n), connection: { ...connection, id } })));
		t.is(new Set(all).size, 1);
	}
});
