import test from "ava";
import type { AdviceSubject } from "../../../core/advice.js";
import { sampleOf } from "../../../core/routing/filter.js";
import { couldHold } from "../../../core/routing/interest.js";
import type { FilterOptions } from "../../../core/routing/schema.js";

const redis: AdviceSubject = { protocol: "redis", isLeaf: true, serverPort: 6379, id: "00112233" };
const http: AdviceSubject = { protocol: "http/1.1", isLeaf: false, serverPort: 80, id: "00112233" };

const cases: [FilterOptions, AdviceSubject, boolean][] = [
	[{}, redis, true],
	[{ protocols: ["redis"] }, redis, true],
	[{ protocols: ["http/*"] }, redis, false],
	// an upgrade may bring what is asked for
	[{ protocols: ["redis"] }, http, true],
	[{ ports: [80] }, http, true],
	[{ ports: [80] }, redis, false],
	[{ ports: [6379], status: ["5xx"] }, redis, true],
	[{ status: ["5xx"] }, redis, true],
	[{ any: [{ ports: [1] }, { protocols: ["mysql"] }] }, redis, false],
	[{ any: [{ ports: [1] }, { paths: ["/x"] }] }, redis, true],
	[{ not: { protocols: ["redis"] } }, redis, false],
	[{ not: { protocols: ["redis"], status: ["5xx"] } }, redis, true],
	[{ not: { ports: [80] } }, http, false],
	[{ not: { protocols: ["http/1.1"] } }, http, true],
	[{ sample: 1 }, redis, true],
	[{ sample: sampleOf(redis.id) }, redis, false],
	[{ sample: sampleOf(redis.id) + 0.001 }, redis, true],
];

for (const [options, subject, expected] of cases)
	test(`${JSON.stringify(options)} and ${subject.protocol}: ${expected}`, (t) => {
		t.is(couldHold(options, subject), expected);
	});
