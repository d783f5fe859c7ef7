/**
 * What routing and redaction cost for one small exchange, beside engine, parser and JSON writer:
 * `node dist/bench/core/routing.js [--exchanges 40000] [--rounds 7]`. The heads come again and again, as on a busy node, or are
 * new each time.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, writeJson } from "../../core/index.js";
import { Redactor } from "../../core/redaction/redactor.js";
import type { RedactRule } from "../../core/redaction/schema.js";
import { compileFilter } from "../../core/routing/filter.js";
import { Router } from "../../core/routing/router.js";
import type { FilterOptions } from "../../core/routing/schema.js";
import http1 from "../../parsers/http1/index.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { describeMachine } from "../harness/machine.js";
import { main, readOptions } from "../harness/options.js";
import { publish, REPORTS } from "../harness/report.js";
import { interleave } from "../harness/rounds.js";
import { showSpread, spreadOf } from "../harness/stats.js";
import { feed, opened, release, talk } from "../harness/synthetic.js";

const options = readOptions({ exchanges: 40_000, rounds: 7, only: "", reports: REPORTS });
const BODY = '{"id":7,"name":"some name","user":{"mail":"nobody at example"},"items":[1,2,3]}';

const filters: FilterOptions[] = Array.from({ length: 20 }, (_, i) => {
	const kinds: FilterOptions[] = [
		{ ports: [9000 + i, 8080] },
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

interface Way {
	readonly name: string;
	/** Null: nothing is hidden. */
	readonly rules: readonly RedactRule[] | null;
	readonly filters: readonly FilterOptions[];
}

const WAYS: readonly Way[] = [
	{ name: "neither", rules: null, filters: [] },
	{ name: "built-in rules", rules: [], filters: [] },
	{ name: "20 header rules", rules: headerRules, filters: [] },
	{ name: "20 rules of all kinds", rules: mixedRules, filters: [] },
	{ name: "20 filters", rules: null, filters },
	{ name: "20 filters, 20 header rules", rules: headerRules, filters },
	{ name: "20 filters, 20 rules of all kinds", rules: mixedRules, filters },
];

interface Traffic {
	readonly name: string;
	readonly events: readonly BytesEvent[];
}

function traffic(name: string, isRepeated: boolean): Traffic {
	const response = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
	const request = (number: number) => {
		const path = isRepeated ? "/orders/7?a=1" : `/orders/${number}?a=${number}`;
		return `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\nAuthorization: Bearer abcdef\r\nAccept: */*\r\n\r\n`;
	};
	const said = (dir: 0 | 1, number: number) => new Uint8Array(Buffer.from(dir === 0 ? request(number) : response));
	return { name, events: talk(options.exchanges, said) };
}

const out = Buffer.allocUnsafeSlow(1 << 16);

/** Microseconds an exchange. */
async function measure({ events }: Traffic, way: Way): Promise<number> {
	const redactor = way.rules === null ? null : Redactor.of(way.rules);
	const router = new Router<number>([0]);
	for (const [index, filter] of way.filters.entries()) router.add(index + 1, compileFilter(filter));
	let written = 0;
	const emit = (exchange: Exchange): void => {
		if (way.filters.length > 0) router.route(exchange);
		const shown = redactor === null ? exchange : redactor.redact(exchange);
		written += writeJson(shown, out, 0) > 0 ? 1 : 0;
		release(exchange);
	};
	const engine = new Engine({}, [http1], emit, (_, error) => {
		throw error;
	});
	const source = engine.addSource("bench", "bench");
	await feed(engine, source, [opened(1)]);
	const started = performance.now();
	await feed(engine, source, events);
	const us = ((performance.now() - started) * 1000) / options.exchanges;
	if (written !== options.exchanges) throw new Error(`${written} of ${options.exchanges} came out`);
	return us;
}

await main(async () => {
	const machine = describeMachine(REPOSITORY);
	const kinds = [traffic("heads come again", true), traffic("every request's head is new", false)];
	const ways = WAYS.filter(({ name }) => name.includes(options.only));
	const rows = kinds.flatMap((kind) => ways.map((way) => ({ name: `${kind.name}: ${way.name}`, kind, way })));
	// once for practice
	for (const { kind, way } of rows) await measure(kind, way);
	const samples = await interleave(rows, options.rounds, ({ kind, way }) => measure(kind, way));
	const of = (kind: Traffic, way: Way) => samples.get(`${kind.name}: ${way.name}`) ?? [];
	publish(
		{
			name: "routing",
			title: "Routing and redaction",
			machine,
			command: `node dist/bench/core/routing.js --exchanges ${options.exchanges} --rounds ${options.rounds}`,
			method: [
				"HTTP/1.1 over one connection, from capture events in memory through engine, parser, router, redactor and JSON writer; 79 bytes of JSON as body. One process, one thread, no queue, no disk.",
				"Header rules: 20 rules of two names or globs each. Rules of all kinds: five each of header globs, query parameters, JSON paths at any depth, regular expressions; they hide nothing here, but the built-in rules hide `authorization`. Filters: five each by port, path, status, and host without a path.",
				"More: against `neither`, in this run. Median (min–max) of the rounds, all rows interleaved.",
			],
			tables: kinds.map((kind) => ({
				title: kind.name,
				head: ["row", "µs an exchange", "more µs", "exchanges/s"],
				rows: ways.map((way) => {
					const all = of(kind, way);
					const more = (spreadOf(all)?.median ?? Number.NaN) - (spreadOf(of(kind, ways[0]!))?.median ?? Number.NaN);
					return [
						way.name,
						showSpread(spreadOf(all), 2),
						more.toFixed(2),
						showSpread(spreadOf(all.map((us) => 1e6 / us)), 0),
					];
				}),
			})),
			data: { options, samples: Object.fromEntries(samples) },
		},
		options.reports,
	);
});
