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
	/** How long `open` may take, of the source and of its host. Default 10 s. */
	readonly openMs?: number;
}

const PATIENCE_MS = 5000;
const OPEN_MS = 10_000;

/** A source at work, with its host. */
class Running {
	readonly source: CaptureSource;
	readonly host: SourceHost | null;
	/** Told to both halves at once, as core does. */
	readonly stop: AbortController;

	constructor(source: CaptureSource, host: SourceHost | null, stop: AbortController) {
		this.source = source;
		this.host = host;
		this.stop = stop;
	}

	/** Opens the host where there is one, because a source is created with what that gave. */
	static async create<C>(plugin: SourcePlugin<C>, config: C, fail: Fail, openMs = OPEN_MS): Promise<Running> {
		const context = { name: "kit", diagnostics: SILENT };
		const stop = new AbortController();
		const host = plugin.host?.(config, context) ?? null;
		let data: unknown = null;
		if (host !== null) {
			const opened = await inTime(() => host.open(stop.signal), openMs);
			if (opened.how !== "resolved") {
				await host.close();
				if (opened.how === "rejected" && opened.error instanceof PolytapError) throw opened.error;
				return fail("hostOpen", `open() of the host ${told(opened)}`);
			}
			data = opened.value;
			try {
				structuredClone(data);
			} catch (error) {
				await host.close();
				fail("hostData", `open() of the host gave something else: ${messageOf(error)}`, error);
			}
		}
		return new Running(plugin.create(config, { ...context, host: data }), host, stop);
	}

	async close(fail: Fail): Promise<void> {
		for (const [number, what] of ["first", "second"].entries()) {
			const closed = await inTime(() => this.source.close(), SOON_MS * 5);
			if (closed.how === "hangs") fail("sourceClose", `the ${what} close() does not settle`);
			if (closed.how === "rejected" && number > 0)
				fail("sourceClose", `the second close() rejected with ${messageOf(closed.error)}`, closed.error);
		}
		await this.closeHost(fail);
	}

	async closeHost(fail: Fail): Promise<void> {
		const { host } = this;
		if (host === null) return;
		for (const what of ["first", "second"]) {
			const closed = await inTime(() => host.close(), SOON_MS * 5);
			if (closed.how !== "resolved") fail("hostClose", `the ${what} close() of the host ${told(closed)}`);
		}
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
			const context = { name: "kit", diagnostics: SILENT };
			const bare = resources(pathsIn(given));
			plugin.host?.(config, context);
			const early = plugin.host === undefined ? null : await leftovers(bare, pathsIn(given));
			if (early !== null) fail("pureCreate", `host() opened something: ${early}`);
			const running = await Running.create(plugin, config, fail, options.openMs);
			const before = resources(pathsIn(given));
			if (running.host === null) plugin.create(config, { ...context, host: null });
			const left = await leftovers(running.host === null ? bare : before, pathsIn(given));
			await running.closeHost(fail);
			if (left !== null) fail("pureCreate", `create() opened something: ${left}`);
		}),
		check("closes before it was opened", async (fail, _given, config) => {
			const unopened = plugin.host?.(config, { name: "kit", diagnostics: SILENT }) ?? null;
			for (const _ of [1, 2]) {
				const closed = await inTime(async () => unopened?.close());
				if (closed.how !== "resolved") fail("hostClose", `close() of the host before open() ${told(closed)}`);
			}
			const running = await Running.create(plugin, config, fail, options.openMs);
			for (const _ of [1, 2]) {
				const closed = await inTime(() => running.source.close());
				if (closed.how !== "resolved") fail("sourceClose", `close() before open() ${told(closed)}`);
			}
			await running.closeHost(fail);
		}),
		check("captures and closes twice", (fail, given, config) => captures(plugin, options, fail, given, config)),
		check("ends within a second of its signal", async (fail, given, config) => {
			const running = await Running.create(plugin, config, fail, options.openMs);
			await opened(running, fail, options.openMs);
			const { stop } = running;
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
			const running = await Running.create(plugin, config, fail, options.openMs);
			await opened(running, fail, options.openMs);
			const reading = read(running.source, new AbortController().signal, new EventRules(true, fail));
			await delay(50);
			await running.close(fail);
			const ended = await inTime(() => reading.catch(() => {}));
			if (ended.how === "hangs") fail("sourceCloses", "batches() goes on after close()");
		}),
		check("gives up opening when it is told to", async (fail, _given, config) => {
			const running = await Running.create(plugin, config, fail, options.openMs);
			running.stop.abort();
			const settled = await inTime(() => running.source.open(running.stop.signal));
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
	const running = await Running.create(plugin, config, fail, options.openMs);
	const { source, stop } = running;
	const wanted = options.atLeast ?? 1;
	let failure: unknown = null;
	let rules: EventRules | null = null;
	try {
		await opened(running, fail, options.openMs);
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
		checkCounters(running.host?.counters?.(), fail);
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

async function opened({ source, stop, host }: Running, fail: Fail, openMs = OPEN_MS): Promise<void> {
	const settled = await inTime(() => source.open(stop.signal), openMs);
	if (settled.how === "resolved") return;
	await inTime(() => source.close());
	await host?.close();
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
