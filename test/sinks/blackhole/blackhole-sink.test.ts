import test from "ava";
import type { Diagnostics } from "../../../core/index.js";
import blackhole, { blackholeConfig } from "../../../sinks/blackhole/index.js";
import { Harness } from "../../core/engine/harness.js";
import { sampleBody, sampleExchange, sampleMessage } from "../../core/sample-exchange.js";

const diagnostics: Diagnostics = { warn: () => {}, info: () => {} };
const { signal } = new AbortController();

function sinkWith(options: Record<string, unknown>) {
	return blackhole.create(blackholeConfig.parse(options), { name: "none", diagnostics });
}

test("counts exchanges, bytes, outcomes and completeness, of plain records and of the engine's", async (t) => {
	const h = new Harness({ maxBodyBytes: 8 }).open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\n0123456789");
	const sink = sinkWith({});
	await sink.open(signal);
	await sink.write(
		[
			...h.exchanges,
			sampleExchange(),
			sampleExchange({ outcome: "unanswered", response: null }),
			sampleExchange({ kind: "connection", request: null, response: null, outcome: "partial" }),
		],
		signal,
	);
	await sink.close();
	t.like(sink.counters?.(), {
		exchanges: 4,
		kind_exchange: 3,
		kind_connection: 1,
		outcome_ok: 2,
		outcome_unanswered: 1,
		outcome_partial: 1,
		bodies_complete: 4,
		bodies_truncated: 1,
		bytes: 4 + 17 + 100 + 2048 + 100,
		body_bytes: 10 + 5,
		body_bytes_captured: 8 + 5,
	});
	t.false("bytes_touched" in (sink.counters?.() ?? {}));
});

test("touch reads every captured byte, those of messages within messages too", async (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\n0123456789");
	const sink = sinkWith({ touch: true });
	const body = sampleBody("/wD+", { encoding: "base64", captured: 3, bytes: 3 });
	const part = { at: "2026-01-02T03:04:05.123456Z", bytes: 4, attributes: {}, encoding: "json" as const, data: [1, 2] };
	await sink.write([...h.exchanges, sampleExchange({ response: sampleMessage({ body, messages: [part] }) })], signal);
	t.is(sink.counters?.().bytes_touched, 10 + 3 + "[1,2]".length);
});

test("close is idempotent and legal before open", async (t) => {
	const sink = sinkWith({});
	await sink.close();
	await sink.close();
	t.pass();
});
