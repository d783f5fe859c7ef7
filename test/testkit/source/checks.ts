import { setTimeout as delay } from "node:timers/promises";
import { type CaptureSource, PolytapError, type SourceHost, type SourcePlugin } from "../../../core/index.js";
import { messageOf } from "../breach.js";
import { type Check, runAll } from "../check.js";
import { checkCounters, checkSchema, configured, type Fail, failer, SILENT } from "../descriptor.js";
import { inTime, SOON_MS } from "../in-time.js";
import { leftovers, pathsIn, resources } from "../leftovers.js";
import { EventRules } from "./events.js";

export interface SourceKitOptions {
	/** The options as a config file says them, without `type`. Called for each check: each may have files and ports of its own. */
	readonly config: () => unknown | Promise<unknown>;
	/** Makes something to capture; called when the source captures. Without it: what is there already (a file). */
	readonly traffic?: (config: unknown) => void | Promise<void>;
	/** At least so many events that carry bytes or exchanges must come. Default 1. */
	readonly atLeast?: number;
	/** The medium itself reorders or repeats bytes. */
	readonly reorders?: boolean;
	/** How long it may take until they came. Default 5 s. */
	readonly patienceMs?: number;
}

const PATIENCE_MS = 5000;

/** A source at work, with its host. */
class Running {
	readonly source: CaptureSource;
	readonly host: SourceHost | null;

	constructor(source: CaptureSource, host: SourceHost | null) {
		this.source = source;
		this.host = host;
	}

	static async create<C>(plugin: SourcePlugin<C>, config: C, fail: Fail): Promise<Running> {
		const context = { name: "kit", diagnostics: SILENT };
		const host = plugin.host?.(config, context) ?? null;
		let data: unknown = null;
		if (host !== null) {
			data = await host.open(new AbortController().signal);
			try {
				structuredClone(data);
			} catch (error) {
				await host.close();
				fail("hostData", `open() of the host gave something else: ${messageOf(error)}`, error);
			}
		}
		return new Running(plugin.create(config, { ...context, host: data }), host);
	}

	async close(fail: Fail): Promise<void> {
		for (const [number, what] of ["first", "second"].entries()) {
			const closed = await inTime(() => this.source.close(), SOON_MS * 5);
			if (closed.how === "hangs") fail("sourceClose", `the ${what} close() does not settle`);
			if (closed.how === "rejected" && number > 0)
				fail("sourceClose", `the second close() rejected with ${messageOf(closed.error)}`, closed.error);
		}
		for (const _ of [1, 2]) await this.host?.close();
	}
}

/** Everything that the kit looks at, as tests of their own. Run them one after the other. */
export function sourceChecks<C>(plugin: SourcePlugin<C>, options: SourceKitOptions): Check[] {
	const name = `source ${plugin.type}`;
	const check = (title: string, act: (fail: Fail, given: unknown, config: C) => Promise<void>): Check => ({
		name: `${name}: ${title}`,
		run: async () => {
			const fail = failer(name, title);
			const given = await options.config();
			const config = configured(plugin.config, given, fail);
			const paths = pathsIn(given);
			const before = resources(paths);
			await act(fail, given, config);
			const left = await leftovers(before, paths);
			if (left !== null) fail("sourceClose", `after close() there is still open: ${left}`);
		},
	});
	return [
		check("describes its options", async (fail, given) => checkSchema(plugin.config, given, fail)),
		check("is created without effect", async (fail, given, config) => {
			const before = resources(pathsIn(given));
			plugin.create(config, { name: "kit", diagnostics: SILENT, host: null });
			const left = await leftovers(before, pathsIn(given));
			if (left !== null) fail("pureCreate", `create() opened something: ${left}`);
		}),
		check("closes before it was opened", async (fail, _given, config) => {
			const source = plugin.create(config, { name: "kit", diagnostics: SILENT, host: null });
			for (const _ of [1, 2]) {
				const closed = await inTime(() => source.close());
				if (closed.how !== "resolved") fail("sourceClose", `close() before open() ${told(closed)}`);
			}
		}),
		check("captures and closes twice", (fail, given, config) => captures(plugin, options, fail, given, config)),
		check("ends within a second of its signal", async (fail, given, config) => {
			const running = await Running.create(plugin, config, fail);
			await opened(running, fail);
			const stop = new AbortController();
			const reading = read(running.source, stop.signal, new EventRules(options.reorders === true, fail));
			await options.traffic?.(given);
			await delay(50);
			stop.abort();
			const ended = await inTime(() => reading);
			const failure = ended.how === "resolved" ? null : told(ended);
			await running.close(fail);
			if (failure !== null) fail("sourceEnds", `batches() ${failure} after its signal`);
		}),
		check("closes while it runs", async (fail, _given, config) => {
			const running = await Running.create(plugin, config, fail);
			await opened(running, fail);
			const reading = read(running.source, new AbortController().signal, new EventRules(true, fail));
			await delay(50);
			await running.close(fail);
			const ended = await inTime(() => reading.catch(() => {}));
			if (ended.how === "hangs") fail("sourceCloses", "batches() goes on after close()");
		}),
		check("gives up opening when it is told to", async (fail, _given, config) => {
			const running = await Running.create(plugin, config, fail);
			const settled = await inTime(() => running.source.open(AbortSignal.abort()));
			await running.close(fail);
			if (settled.how === "hangs") fail("sourceOpenAbort", "open() does not settle though its signal is aborted");
		}),
	];
}

/** Holds a source to its contract; rejects with a `ContractBreach` that names the sentence. */
export async function checkSource<C>(plugin: SourcePlugin<C>, options: SourceKitOptions): Promise<void> {
	await runAll(sourceChecks(plugin, options));
}

async function captures<C>(
	plugin: SourcePlugin<C>,
	options: SourceKitOptions,
	fail: Fail,
	given: unknown,
	config: C,
): Promise<void> {
	const running = await Running.create(plugin, config, fail);
	const { source } = running;
	const wanted = options.atLeast ?? 1;
	let failure: unknown = null;
	let rules: EventRules | null = null;
	try {
		await opened(running, fail);
		const stop = new AbortController();
		const watched = new EventRules(options.reorders === true, fail);
		rules = watched;
		const reading = read(source, stop.signal, watched);
		let isOver = false;
		const over = reading.finally(() => {
			isOver = true;
		});
		over.catch(() => {});
		await options.traffic?.(given);
		const until = performance.now() + (options.patienceMs ?? PATIENCE_MS);
		while (!isOver && (watched.carrying < wanted || plugin.offline === true) && performance.now() < until)
			await delay(5);
		checkCounters(source.counters?.(), fail);
		const room: unknown = source.hasRoom?.();
		if (room !== undefined && typeof room !== "boolean") fail("sourceRoom", `hasRoom() gave ${String(room)}`);
		stop.abort();
		const ended = await inTime(() => over);
		if (ended.how === "rejected") throw ended.error;
		if (ended.how === "hangs") fail("sourceEnds", "batches() does not settle after its signal");
	} catch (error) {
		failure = error;
	}
	await running.close(fail);
	if (failure !== null) {
		if (failure instanceof Error && "clause" in failure) throw failure;
		fail("sourceThrows", `batches() threw ${messageOf(failure)}`, failure);
	}
	if (rules !== null && rules.carrying < wanted)
		fail("sourceSees", `${rules.carrying} events with something in them came, ${wanted} were to come`);
}

async function opened({ source }: Running, fail: Fail): Promise<void> {
	const settled = await inTime(() => source.open(new AbortController().signal), SOON_MS * 10);
	if (settled.how === "resolved") return;
	await source.close();
	if (settled.how === "hangs") fail("sourceOpen", "open() does not settle");
	else if (settled.error instanceof PolytapError) throw settled.error;
	else fail("sourceOpen", `open() rejected with ${messageOf(settled.error)}`, settled.error);
}

async function read(source: CaptureSource, signal: AbortSignal, rules: EventRules): Promise<void> {
	for await (const batch of source.batches(signal)) rules.batch(batch);
}

function told(settled: { readonly how: string; readonly error?: unknown }): string {
	return settled.how === "hangs" ? "does not settle" : `rejected with ${messageOf(settled.error)}`;
}
