/**
 * What delivery costs for one small exchange on its way to a sink that writes JSON and takes all at once, without a spool,
 * with one that is not needed, and with one that everything goes through:
 * `node dist/bench/core/delivery.js [--rounds 9] [--exchanges 60000] [--dir /tmp]`.
 */

import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Delivery } from "../../core/delivery/delivery.js";
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Sink, writeJson } from "../../core/index.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { withScope } from "../../test/e2e/support/scope.js";
import { describeMachine } from "../harness/machine.js";
import { main, readOptions } from "../harness/options.js";
import { publish, REPORTS } from "../harness/report.js";
import { interleave } from "../harness/rounds.js";
import { showSpread, spreadOf } from "../harness/stats.js";
import { chunkParser, opened, SYNTHETIC_US } from "../harness/synthetic.js";

const options = readOptions({ rounds: 9, exchanges: 60_000, dir: tmpdir(), only: "", reports: REPORTS });
const CONNECTIONS = 32;
const BATCH = 512;
const BODY_BYTES = 96;
/** More than this do not wait: a source would let them, as long as it has room. */
const MOST_WAITING = 16_384;

interface Way {
	readonly name: string;
	readonly spool: "none" | "unused" | "always";
	readonly lanes: number;
	readonly syncMs?: number;
}

const WAYS: readonly Way[] = [
	{ name: "memory", spool: "none", lanes: 1 },
	{ name: "memory, four lanes", spool: "none", lanes: 4 },
	{ name: "spool that is not needed", spool: "unused", lanes: 1 },
	{ name: "everything through the spool", spool: "always", lanes: 1 },
	{ name: "everything through the spool, four lanes", spool: "always", lanes: 4 },
	{ name: "everything through the spool, each block synced", spool: "always", lanes: 1, syncMs: 0 },
];

const out = Buffer.allocUnsafeSlow(1 << 22);

class CountingSink implements Sink {
	written = 0;
	readonly maxInFlight: number;
	readonly keepsOrder?: true;

	constructor(lanes: number) {
		this.maxInFlight = lanes;
		if (lanes === 1) this.keepsOrder = true;
	}

	async open(): Promise<void> {}

	async close(): Promise<void> {}

	async write(batch: Parameters<Sink["write"]>[0]): Promise<void> {
		let at = 0;
		for (const exchange of batch) {
			at = writeJson(exchange, out, at);
			if (at < 0) throw new Error("too large");
			this.written++;
		}
	}
}

function fail(what: string): (_: string, detail: unknown) => never {
	return (_, detail) => {
		throw new Error(`${what}: ${String(detail)}`);
	};
}

/** Microseconds an exchange, from the engine to the sink. */
async function measure({ spool: kind, lanes, syncMs = 100 }: Way, path: string): Promise<number> {
	const delivery = new Delivery({
		queueFull: fail("queue full"),
		writeFailed: fail("write failed"),
		spoolFull: fail("spool full"),
		spoolFailed: fail("spool failed"),
	});
	const spool =
		kind === "none"
			? null
			: await delivery.openSpool("s", { path, maxBytes: 2 ** 32, syncMs, whenFull: "drop_newest" });
	const sink = new CountingSink(lanes);
	const outlet = {
		maxExchanges: 65_536,
		maxBytes: 2 ** 28,
		whenFull: "drop_newest" as const,
		batchExchanges: BATCH,
		batchBytes: 1 << 20,
		batchMs: 0,
		writeTimeoutMs: 30_000,
		maxRetries: 5,
		retryMs: 200,
		retryMaxMs: 30_000,
		spoolAlways: kind === "always",
	};
	delivery.add("s", sink, outlet, null, spool);
	const engine = new Engine({ maxHeldBytes: 2 ** 30 }, [chunkParser(0)], delivery.emit);
	const source = engine.addSource("bench", "bench");
	for (let conn = 0; conn < CONNECTIONS; conn++) engine.ingest(source, [opened(conn)], 0);
	const data = new Uint8Array(BODY_BYTES).fill(0x78);
	let nowUs = SYNTHETIC_US;
	const started = performance.now();
	let tickedMs = started;
	const tick = () => {
		if (performance.now() - tickedMs < 10) return;
		tickedMs = performance.now();
		delivery.tick(tickedMs);
	};
	const waitFor = async (is: () => boolean) => {
		while (!is()) {
			await turn();
			tick();
		}
	};
	for (let done = 0; done < options.exchanges; done += BATCH / 2) {
		const batch: BytesEvent[] = [];
		for (let i = 0; i < BATCH; i++) {
			const number = done + (i >> 1);
			const offset = Math.floor(number / CONNECTIONS) * BODY_BYTES;
			batch.push({ kind: "bytes", conn: number % CONNECTIONS, dir: (i & 1) as 0 | 1, offset, tsUs: nowUs++, data });
		}
		engine.ingest(source, batch, nowUs);
		tick();
		if (delivery.behind) await delivery.breathe();
		await waitFor(() => (delivery.counters().s?.waiting ?? 0) <= MOST_WAITING);
	}
	const made = engine.totals.exchanges;
	await waitFor(() => sink.written >= made);
	const us = ((performance.now() - started) * 1000) / made;
	await delivery.flush(10_000);
	return us;
}

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const folder = await scope.folder(options.dir);
		const ways = WAYS.filter(({ name }) => name.includes(options.only));
		let count = 0;
		const run = (way: Way) => measure(way, join(folder, `${count++}`));
		// once for practice
		for (const way of ways) await run(way);
		const samples = await interleave(ways, options.rounds, run);
		const base = spreadOf(samples.get(ways[0]!.name) ?? [])?.median ?? Number.NaN;
		publish(
			{
				name: "delivery",
				title: "Delivery: memory and spool",
				machine,
				command: `node dist/bench/core/delivery.js --rounds ${options.rounds} --exchanges ${options.exchanges}`,
				method: [
					`Engine, delivery and JSON writer in one thread, small exchanges (${BODY_BYTES} bytes of body) of ${CONNECTIONS} connections; the parser costs nothing, the sink writes JSON into memory.`,
					"The source waits while more than 16,384 exchanges wait. Time until the last is written. The spool syncs after 100 ms, or each block.",
					"Median (min–max) of the rounds, all rows interleaved.",
				],
				tables: [
					{
						title: "From the engine to the sink",
						head: ["row", "µs an exchange", "exchanges/s", "against memory"],
						rows: ways.map(({ name }) => {
							const all = samples.get(name) ?? [];
							const spread = spreadOf(all);
							return [
								name,
								showSpread(spread, 2),
								showSpread(spreadOf(all.map((us) => 1e6 / us)), 0),
								((spread?.median ?? Number.NaN) / base).toFixed(2),
							];
						}),
					},
				],
				data: { options, samples: Object.fromEntries(samples) },
			},
			options.reports,
		);
	}),
);
