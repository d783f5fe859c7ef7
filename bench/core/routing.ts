/**
 * What routing and redaction cost for one small exchange, beside engine and JSON writer:
 * `node dist/bench/core/routing.js [exchanges]`. The heads come again and again, as on a busy node, or are new each time.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, writeJson } from "../../core/index.js";
import { Redactor } from "../../core/redaction/redactor.js";
import type { RedactRule } from "../../core/redaction/schema.js";
import { compileFilter } from "../../core/routing/filter.js";
import { Router } from "../../core/routing/router.js";
import type { FilterOptions } from "../../core/routing/schema.js";
import http1 from "../../parsers/http1/index.js";

const EXCHANGES = Number(process.argv[2] ?? 40_000);
const ROUNDS = 5;
const BODY = '{"id":7,"name":"some name","user":{"mail":"nobody at example"},"items":[1,2,3]}';

const filters: FilterOptions[] = Array.from({ length: 20 }, (_, i) => {
	const kinds: FilterOptions[] = [
		{ ports: [9000 + i, 80] },
		{ paths: [`/service${i}/**`, "/orders/*"] },
		{ status: ["5xx", 404] },
		{ hosts: [`*.zone${i}.example.com`], not: { paths: ["/health"] } },
	];
	return kinds[i % kinds.length]!;
});

const headerRules: RedactRule[] = Array.from({ length: 20 }, (_, i) => ({ headers: [`x-secret-${i}`, `x-${i}-*`] }));
const mixedRules: RedactRule[] = Array.from({ length: 20 }, (_, i) => {
	const kinds: RedactRule[] = [
		{ headers: [`x-${i}-*`] },
		{ query: [`token${i}`] },
		{ json: [`$..password${i}`] },
		{ match: [`secret${i}-[a-z0-9]{8}`] },
	];
	return kinds[i % kinds.length]!;
});

function traffic(isRepeated: boolean): BytesEvent[] {
	const at: [number, number] = [0, 0];
	return Array.from({ length: 2 * EXCHANGES }, (_, i): BytesEvent => {
		const dir = (i & 1) as 0 | 1;
		const path = isRepeated ? "/orders/7?a=1" : `/orders/${i}?a=${i}`;
		const text =
			dir === 0
				? `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\nAuthorization: Bearer abcdef\r\nAccept: */*\r\n\r\n`
				: `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
		const offset = at[dir];
		at[dir] += text.length;
		return {
			kind: "bytes",
			conn: 1,
			dir,
			offset,
			tsUs: 1e15 + i * 10,
			data: new Uint8Array(Buffer.from(text, "latin1")),
		};
	});
}

const out = Buffer.allocUnsafeSlow(1 << 16);

/** Microseconds an exchange. */
function measure(events: readonly BytesEvent[], emit: (exchange: Exchange) => void): number {
	const engine = new Engine({}, [http1], emit, (_, error) => {
		throw error;
	});
	const source = engine.addSource("bench", "bench");
	engine.ingest(
		source,
		[
			{
				kind: "open",
				conn: 1,
				tsUs: 1e15,
				transport: "tcp",
				client: { address: "127.0.0.1", port: 50_000 },
				server: { address: "127.0.0.1", port: 80 },
				role: "server",
				roleKnown: true,
				bases: [1000, 2000],
				fromStart: true,
				netns: 1,
				process: null,
				layer: "transport",
				lower: null,
			},
		],
		1e15,
	);
	const started = performance.now();
	for (let i = 0; i < events.length; i += 512) engine.ingest(source, events.slice(i, i + 512), 1e15 + i * 10);
	return ((performance.now() - started) * 1000) / EXCHANGES;
}

function writer(rules: readonly RedactRule[] | null, wanted: readonly FilterOptions[]): (exchange: Exchange) => void {
	const redactor = rules === null ? null : Redactor.of(rules);
	const router = new Router<number>([0]);
	for (const [index, filter] of wanted.entries()) router.add(index + 1, compileFilter(filter));
	return (exchange) => {
		if (wanted.length > 0) router.route(exchange);
		const shown = redactor === null ? exchange : redactor.redact(exchange);
		writeJson(shown, out, 0);
		(exchange as Exchange & { release(): void }).release();
	};
}

const cases: [string, readonly RedactRule[] | null, readonly FilterOptions[]][] = [
	["neither", null, []],
	["built-in rules", [], []],
	["20 header rules", headerRules, []],
	["20 rules of all kinds", mixedRules, []],
	["20 filters", null, filters],
	["20 filters, 20 rules of all kinds", mixedRules, filters],
];

for (const isRepeated of [true, false]) {
	const events = traffic(isRepeated);
	process.stdout.write(`\n${isRepeated ? "heads come again" : "every request's head is new"}\n`);
	let base = 0;
	for (const [name, rules, wanted] of cases) {
		let best = Number.POSITIVE_INFINITY;
		for (let round = 0; round < ROUNDS; round++) best = Math.min(best, measure(events, writer(rules, wanted)));
		if (base === 0) base = best;
		process.stdout.write(`${name.padEnd(36)} ${best.toFixed(2)} us an exchange, ${(best - base).toFixed(2)} more\n`);
	}
}
