import {
	type Direction,
	type ParserContext,
	type ParserOutput,
	type ParserPlugin,
	type ProtocolParser,
	WAIT,
} from "../../../core/index.js";
import { messageOf } from "../breach.js";
import { ClockRead, withoutClock } from "./clockless.js";
import type { Findings } from "./findings.js";
import { watchedContent } from "./watched-content.js";
import { WatchedOutput } from "./watched-output.js";

/** What watching one engine's parsers found out. */
export interface Watch {
	readonly findings: Findings;
	/** How many parsers were created. */
	created: number;
	/** Called before each call of the parser. */
	onCall?(what: string): void;
}

/** The same plugin, held to its contract at every call. */
export function watchedPlugin(plugin: ParserPlugin, watch: Watch): ParserPlugin {
	const { findings } = watch;
	const { content } = plugin;
	return {
		...plugin,
		...(content === undefined ? {} : { content: watchedContent(plugin, content, watch) }),
		detect: (client, server, hint) => {
			const before = [Buffer.from(client), Buffer.from(server)] as const;
			watch.onCall?.("detect");
			const answer = guarded(findings, "detect", () => plugin.detect(client, server, hint), "no" as const);
			if (answer !== "yes" && answer !== "no" && answer !== "more")
				findings.report("detectAnswers", `detect() answered ${JSON.stringify(answer)}`);
			if (!before[0].equals(client) || !before[1].equals(server))
				findings.report("detectKeeps", "detect() changed the bytes that it was shown");
			return answer;
		},
		create: (context) => {
			watch.created++;
			return new WatchedParser(plugin, context, watch);
		},
	};
}

/** Calls a parser: it may neither throw nor look at a clock. */
export function guarded<T>(findings: Findings, what: string, act: () => T, otherwise: T): T {
	try {
		return withoutClock(act);
	} catch (error) {
		const why = error instanceof ClockRead ? "looked at a clock" : `threw ${messageOf(error)}`;
		findings.report("sansIo", `${what}() ${why}`, error);
		return otherwise;
	}
}

class WatchedParser implements ProtocolParser {
	readonly #parser: ProtocolParser | null;
	readonly #watch: Watch;
	readonly #findings: Findings;
	readonly #readsOnly: boolean;
	readonly #out: WatchedOutput;

	constructor(plugin: ParserPlugin, context: ParserContext, watch: Watch) {
		this.#watch = watch;
		this.#findings = watch.findings;
		this.#readsOnly = plugin.readsOnly === true;
		this.#out = new WatchedOutput(watch.findings);
		this.#parser = guarded(watch.findings, "create", () => plugin.create(context), null);
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const before = this.#readsOnly ? Buffer.from(bytes) : null;
		const { mustProceed } = out;
		this.#out.enter("data", dir, out, bytes, bytes.length);
		const consumed = this.#call("data", (parser) => parser.data(dir, bytes, this.#out), bytes.length);
		this.#out.leave();
		if (before !== null && !before.equals(bytes))
			this.#findings.report("readsOnly", "data() wrote into the bytes that it was given");
		if (consumed === WAIT) {
			if (mustProceed) this.#findings.report("mustProceed", "data() returned WAIT although `out.mustProceed` is true");
			this.#out.consumed(0);
		} else if (!Number.isInteger(consumed) || consumed < 0 || consumed > bytes.length)
			this.#findings.report("otherNumber", `data() returned ${consumed} for ${bytes.length} bytes`);
		else this.#out.consumed(consumed);
		return consumed;
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		this.#out.enter("gap", dir, out, NOTHING, length ?? 0);
		const isInside = this.#call("gap", (parser) => parser.gap(dir, length, this.#out), false);
		if (typeof isInside !== "boolean") this.#findings.report("gapInside", `gap() returned ${String(isInside)}`);
		if (isInside) this.#out.gapInside(length);
		else this.#out.cut(dir);
		this.#out.leave();
		return isInside;
	}

	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): { readonly skip: number } | { readonly need: number } {
		this.#out.cut(dir);
		this.#out.enter("resync", dir, out, bytes, bytes.length);
		const before = this.#readsOnly ? Buffer.from(bytes) : null;
		const found = this.#call("resync", (parser) => parser.resync(dir, bytes, this.#out), { skip: bytes.length });
		this.#out.leave();
		if (before !== null && !before.equals(bytes))
			this.#findings.report("readsOnly", "resync() wrote into the bytes that it was given");
		const count = "skip" in found ? found.skip : found.need;
		if (!Number.isInteger(count) || count < 0 || count > bytes.length) {
			this.#findings.report("resync", `resync() returned ${JSON.stringify(found)} for ${bytes.length} bytes`);
			return { skip: bytes.length };
		}
		return found;
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		this.#out.enter("end", dir, out, NOTHING, 0);
		this.#call("end", (parser) => parser.end(dir, how, this.#out), undefined);
		this.#out.cut(dir);
		this.#out.leave();
	}

	#call<T>(what: string, act: (parser: ProtocolParser) => T, otherwise: T): T {
		const parser = this.#parser;
		if (parser === null) return otherwise;
		this.#watch.onCall?.(what);
		return guarded(this.#findings, what, () => act(parser), otherwise);
	}
}

const NOTHING = new Uint8Array(0);
