/** A capture of a few seconds in this process, for `doctor`: what becomes of each connection, and of nothing else. */
import { EbpfHost } from "../../../sources/ebpf/host.js";
import { type EbpfOptions, ebpfOptions } from "../../../sources/ebpf/options.js";
import { EbpfSource } from "../../../sources/ebpf/source.js";
import { Engine } from "../../engine/engine.js";
import type { Exchange } from "../../exchange.js";
import type { SourceContext } from "../../plugin.js";
import { BUILTINS } from "../builtins.js";
import { wallUs } from "../clock.js";
import { Plugins } from "../plugins.js";
import { type ConnectionSight, Sights } from "./sights.js";

const TICK_MS = 10;

export interface ShortCapture {
	readonly sights: readonly ConnectionSight[];
	/** What the source said about itself: things that it cannot do. */
	readonly warnings: readonly string[];
	readonly durationMs: number;
}

/** Ends after `forMs`, or with `stop`. Rejects where nothing can be captured. */
export async function shortCapture(
	targets: EbpfOptions["targets"],
	forMs: number,
	stop: AbortSignal,
): Promise<ShortCapture> {
	const warnings: string[] = [];
	const context: SourceContext = {
		name: "doctor",
		diagnostics: { warn: (_code, message) => warnings.push(message), info: () => {} },
		host: null,
	};
	const options = ebpfOptions.parse({ targets, vantage: "both", tls: "auto" });
	const host = new EbpfHost(options, context);
	let source: EbpfSource | null = null;
	const over = new AbortController();
	let ticks: NodeJS.Timeout | undefined;
	let end: NodeJS.Timeout | undefined;
	try {
		source = new EbpfSource(await host.open(), 0, context.diagnostics);
		await source.open();
		const sights = new Sights();
		const emit = (exchange: Exchange): void => {
			sights.add(exchange);
			if ("release" in exchange && typeof exchange.release === "function") exchange.release();
		};
		const engine = new Engine(
			{ connectionRecords: true, maxBodyBytes: 0 },
			await new Plugins(BUILTINS).parsers(),
			emit,
		);
		const number = engine.addSource("doctor", "ebpf");
		const fromMs = performance.now();
		ticks = setInterval(() => engine.tick(wallUs()), TICK_MS);
		// not AbortSignal.any: one that nobody else holds may be collected before its time has come
		end = setTimeout(() => over.abort(), forMs);
		stop.addEventListener("abort", () => over.abort(), { once: true });
		for await (const batch of source.batches(over.signal)) engine.ingest(number, batch, wallUs());
		engine.sourceEnded(number, wallUs());
		return { sights: sights.all, warnings, durationMs: Math.round(performance.now() - fromMs) };
	} finally {
		clearInterval(ticks);
		clearTimeout(end);
		await source?.close();
		await host.close();
	}
}
