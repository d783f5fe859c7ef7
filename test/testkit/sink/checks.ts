import { setTimeout as delay } from "node:timers/promises";
import { type Exchange, Partial, Permanent, Retryable, type Sink, type SinkPlugin } from "../../../core/index.js";
import { messageOf } from "../breach.js";
import { type Check, runAll } from "../check.js";
import { checkCounters, checkSchema, configured, type Fail, failer, SILENT } from "../descriptor.js";
import { inTime, SOON_MS } from "../in-time.js";
import { leftovers, pathsIn, type Resources, resources } from "../leftovers.js";
import { type Lease, lend } from "./lent-exchange.js";
import { sampleExchanges } from "./samples.js";

/** Where a sink writes to, and how that behaves. */
export interface SinkWorld {
	/** The options as a config file says them, without `type`. */
	readonly config: unknown;
	/** Ids of what arrived, in order. Without it the kit does not look at what was written. */
	received?(): readonly string[] | Promise<readonly string[]>;
	/** It takes everything from now on. */
	heal?(): void | Promise<void>;
	close?(): void | Promise<void>;
}

type MakeWorld = () => SinkWorld | Promise<SinkWorld>;

export interface SinkKitOptions {
	/** Takes everything. */
	readonly world: MakeWorld;
	/** Cannot take anything now: `write` must reject with `Retryable`, and work after `heal`. */
	readonly retryable?: MakeWorld;
	/** Will never take it: `Permanent`. */
	readonly permanent?: MakeWorld;
	/** Takes some of a batch: `Partial`. */
	readonly partial?: MakeWorld;
	/** Never answers: `write` must settle when its signal aborts. */
	readonly hanging?: MakeWorld;
}

const BATCHES = [1, 7, 64, 2];

/** Everything that the kit looks at, as tests of their own. A world that is not given is a check less. */
export function sinkChecks<C>(plugin: SinkPlugin<C>, options: SinkKitOptions): Check[] {
	const name = `sink ${plugin.type}`;
	const check = (title: string, makeWorld: MakeWorld | undefined, act: Act): Check[] =>
		makeWorld === undefined ? [] : [{ name: `${name}: ${title}`, run: () => inWorld(plugin, title, makeWorld, act) }];
	const { world } = options;
	return [
		...check("describes its options", world, async ({ fail, given }) => checkSchema(plugin.config, given, fail)),
		...check("is created without effect", world, async ({ fail, given, before }) => {
			const left = await leftovers(before, pathsIn(given));
			if (left !== null) fail("pureCreate", `create() opened something: ${left}`);
		}),
		...check("closes before it was opened", world, async () => {}),
		...check("takes batches, in order", world, takesBatches),
		...check("takes as many batches at once as it says", world, takesAtOnce),
		...check("gives up opening when it is told to", world, async ({ sink, fail }) => {
			const settled = await inTime(() => sink.open(AbortSignal.abort()));
			if (settled.how === "hangs") fail("sinkOpen", "open() does not settle though its signal is aborted");
		}),
		...check("says when the batch may be offered again", options.retryable, async (at) => {
			await at.open();
			const batch = sampleExchanges(3);
			const error = await rejects(at, batch);
			if (!(error instanceof Retryable))
				at.fail("sinkRejects", `write() rejected with ${messageOf(error)}, not Retryable`);
			if (at.world.heal === undefined) return;
			await at.world.heal();
			await at.write(batch);
			await at.contains(batch);
		}),
		...check("says when the batch will never be taken", options.permanent, async (at) => {
			await at.open();
			const error = await rejects(at, sampleExchanges(3));
			if (!(error instanceof Permanent))
				at.fail("sinkRejects", `write() rejected with ${messageOf(error)}, not Permanent`);
		}),
		...check("says what of the batch was not written", options.partial, takesSome),
		...check("stops waiting when it is told to", options.hanging, async (at) => {
			await at.open();
			const stop = new AbortController();
			const writing = at.sink.write(sampleExchanges(3), stop.signal);
			writing.catch(() => {});
			await delay(50);
			stop.abort();
			const settled = await inTime(() => writing);
			if (settled.how === "hangs") at.fail("sinkAbort", "write() does not settle after its signal");
			if (settled.how === "resolved") at.fail("sinkWrites", "write() resolved, and nothing was written");
		}),
	];
}

/** Holds a sink to its contract; rejects with a `ContractBreach` that names the sentence. */
export async function checkSink<C>(plugin: SinkPlugin<C>, options: SinkKitOptions): Promise<void> {
	await runAll(sinkChecks(plugin, options));
}

type Act = (at: AtWork) => Promise<void>;

async function inWorld<C>(plugin: SinkPlugin<C>, title: string, makeWorld: MakeWorld, act: Act): Promise<void> {
	const fail = failer(`sink ${plugin.type}`, title);
	const world = await makeWorld();
	let isGone = false;
	const close = async () => {
		if (!isGone) await world.close?.();
		isGone = true;
	};
	try {
		const config = configured(plugin.config, world.config, fail);
		const paths = pathsIn(world.config);
		const before = resources(paths);
		const sink = plugin.create(config, { name: "kit", diagnostics: SILENT });
		if (!Number.isInteger(sink.maxInFlight) || sink.maxInFlight < 1)
			fail("maxInFlight", `maxInFlight is ${sink.maxInFlight}`);
		let failure: unknown = null;
		try {
			await act(new AtWork(sink, world, before, fail));
			checkCounters(sink.counters?.(), fail);
		} catch (error) {
			failure = error;
		}
		await closeTwice(sink, fail, failure);
		if (failure !== null) throw failure;
		// the world may have its own end of a connection: what is left when it is gone is the sink's
		await close();
		const left = await leftovers(before, paths);
		if (left !== null) fail("sinkClose", `after close() there is still open: ${left}`);
	} finally {
		await close();
	}
}

async function closeTwice(sink: Sink, fail: Fail, failure: unknown): Promise<void> {
	for (const what of ["first", "second"]) {
		const closed = await inTime(() => sink.close(), SOON_MS * 5);
		if (closed.how === "resolved" || failure !== null) continue;
		const how = closed.how === "hangs" ? "does not settle" : `rejected with ${messageOf(closed.error)}`;
		fail("sinkClose", `the ${what} close() ${how}`);
	}
}

/** A sink in its world. */
class AtWork {
	readonly sink: Sink;
	readonly world: SinkWorld;
	readonly given: unknown;
	/** What was open before it was created. */
	readonly before: Resources;
	readonly fail: Fail;

	constructor(sink: Sink, world: SinkWorld, before: Resources, fail: Fail) {
		this.before = before;
		this.sink = sink;
		this.world = world;
		this.given = world.config;
		this.fail = fail;
	}

	async open(): Promise<void> {
		const opened = await inTime(() => this.sink.open(new AbortController().signal), SOON_MS * 10);
		if (opened.how === "hangs") this.fail("sinkOpen", "open() does not settle");
		if (opened.how === "rejected")
			this.fail("sinkOpen", `open() rejected with ${messageOf(opened.error)}`, opened.error);
	}

	/** Writes records that notice what is done with them. */
	async write(batch: readonly Exchange[]): Promise<Lease> {
		const lease: Lease = { isOver: false, misuse: null };
		const lent = Object.freeze(batch.map((exchange) => lend(exchange, lease)));
		const written = await inTime(() => this.sink.write(lent, new AbortController().signal), SOON_MS * 10);
		lease.isOver = true;
		if (lease.misuse !== null) this.fail("sinkMemory", lease.misuse);
		if (written.how === "hangs") this.fail("sinkWrites", "write() does not settle");
		if (written.how === "rejected")
			this.fail("sinkWrites", `write() rejected with ${messageOf(written.error)}`, written.error);
		return lease;
	}

	async contains(batch: readonly Exchange[]): Promise<void> {
		const received = new Set(await this.world.received?.());
		const lost = batch.find(({ id }) => !received.has(id));
		if (this.world.received !== undefined && lost !== undefined)
			this.fail("sinkWrites", `write() resolved, and ${lost.id} did not arrive`);
	}
}

async function takesBatches(at: AtWork): Promise<void> {
	await at.open();
	const all: Exchange[] = [];
	const leases: Lease[] = [];
	for (const size of BATCHES) {
		const batch = sampleExchanges(size, all.length);
		leases.push(await at.write(batch));
		all.push(...batch);
		await at.contains(batch);
	}
	await closeTwice(at.sink, at.fail, null);
	const misuse = leases.find((lease) => lease.misuse !== null)?.misuse ?? null;
	if (misuse !== null) at.fail("sinkMemory", misuse);
	const received = await at.world.received?.();
	if (received !== undefined && received.join() !== all.map(({ id }) => id).join())
		at.fail(
			"maxInFlight",
			`what arrived is not what was written, one batch after the other: ${received.length} of ${all.length}`,
		);
}

async function takesAtOnce(at: AtWork): Promise<void> {
	await at.open();
	const count = Math.min(at.sink.maxInFlight, 16);
	const batches = Array.from({ length: count }, (_, index) => sampleExchanges(5, index * 5));
	await Promise.all(batches.map((batch) => at.write(batch)));
	for (const batch of batches) await at.contains(batch);
}

async function takesSome(at: AtWork): Promise<void> {
	await at.open();
	const batch = sampleExchanges(6);
	const error = await rejects(at, batch);
	if (!(error instanceof Partial))
		return at.fail("sinkRejects", `write() rejected with ${messageOf(error)}, not Partial`);
	const { failed } = error;
	const isValid =
		failed.length > 0 && failed.every((index) => Number.isInteger(index) && index >= 0 && index < batch.length);
	if (!isValid || new Set(failed).size !== failed.length)
		at.fail("sinkPartial", `\`failed\` is [${failed}] of a batch of ${batch.length}`);
	const received = await at.world.received?.();
	if (received === undefined) return;
	for (const [index, { id }] of batch.entries())
		if (received.includes(id) === failed.includes(index))
			at.fail(
				"sinkPartial",
				`exchange ${index} ${failed.includes(index) ? "arrived and is told as failed" : "is told as written and did not arrive"}`,
			);
}

async function rejects(at: AtWork, batch: readonly Exchange[]): Promise<unknown> {
	const written = await inTime(() => at.sink.write(batch, new AbortController().signal), SOON_MS * 10);
	if (written.how === "rejected") return written.error;
	if (written.how === "hangs") return at.fail("sinkWrites", "write() does not settle");
	return at.fail("sinkWrites", "write() resolved although the world refused the batch");
}
