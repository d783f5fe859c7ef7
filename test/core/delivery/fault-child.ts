/**
 * A process that may be killed at any moment: exchanges at a rate, through a delivery with a spool, into a file that is
 * sometimes away. It notes after each tick how many of its exchanges are acknowledged.
 */
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Delivery } from "../../../core/delivery/delivery.js";
import { Retryable, type Sink } from "../../../core/index.js";
import { exchangeOf, numberOf } from "./spool/harness.js";

export interface FaultChildOptions {
	/** Holds `spool`, `out`, `acknowledged` and, while the sink is down, `down`. */
	readonly folder: string;
	readonly from: number;
	readonly count: number;
	readonly perSecond: number;
	readonly always: boolean;
	readonly connections: number;
	/** Delivers all that waits before it ends. */
	readonly drains: boolean;
}

const options: FaultChildOptions = JSON.parse(process.argv[2]!);
const { folder, from, count, perSecond } = options;
const path = (name: string) => join(folder, name);

const sink: Sink = {
	maxInFlight: 4,
	open: async () => {},
	close: async () => {},
	write: async (batch) => {
		await delay(1);
		if (existsSync(path("down"))) throw new Retryable("the file is away");
		appendFileSync(path("out"), batch.map((one) => `${numberOf(one)} ${one.id}\n`).join(""));
	},
};

const warn = (text: string) => process.stderr.write(`${text}\n`);
const delivery = new Delivery({
	queueFull: (_, dropped) => warn(`queue full: ${dropped}`),
	writeFailed: (_, exchanges) => warn(`not written: ${exchanges}`),
	spoolFull: (_, reason) => warn(`spool full: ${reason}`),
	spoolFailed: (_, error) => warn(`spool failed: ${String(error)}`),
	spoolDamaged: (_, bytes, exchanges) => warn(`spool damaged: ${bytes} ${exchanges}`),
});
const spool = await delivery.openSpool("s", {
	path: path("spool"),
	maxBytes: 2 ** 32,
	syncMs: 50,
	whenFull: "drop_newest",
});
delivery.add(
	"s",
	sink,
	{
		maxExchanges: 65_536,
		maxBytes: 2 ** 27,
		whenFull: "drop_newest",
		batchExchanges: 256,
		batchBytes: 1 << 20,
		batchMs: 0,
		writeTimeoutMs: 30_000,
		maxRetries: Number.POSITIVE_INFINITY,
		retryMs: 50,
		retryMaxMs: 500,
		spoolAlways: options.always,
	},
	null,
	spool,
);

const body = "b".repeat(400);
const started = performance.now();
let made = 0;
const counters = () => delivery.counters().s!;
const tick = () => {
	delivery.tick(performance.now());
	// in the order in which they came: with `always` these are the first so many
	writeFileSync(path("acknowledged"), String(counters().spool_acknowledged));
};
while (made < count) {
	const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond));
	while (made < due) delivery.emit(exchangeOf(from + made++, options.connections, body));
	tick();
	await delay(5);
}
const isThrough = () => counters().waiting === 0 && counters().spool_waiting === 0;
while (options.drains && !isThrough()) {
	tick();
	await delay(5);
}
await delivery.flush(60_000);
process.stdout.write(JSON.stringify(counters()));
