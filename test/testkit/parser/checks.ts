import type { ParserPlugin } from "../../../core/index.js";
import { ContractBreach } from "../breach.js";
import { type Check, runAll } from "../check.js";
import { type Conversation, Talk } from "./conversation.js";
import { Findings } from "./findings.js";
import { OPENINGS } from "./foreign.js";
import { fuzz } from "./fuzz.js";
import { earlyEnds, holes, lateJoins, waiting } from "./losses.js";
import type { ParserKitOptions } from "./options.js";
import { inOwnProcess } from "./own-process.js";
import type { Subject } from "./run.js";
import { compareWay, reference, ways } from "./splits.js";
import { guarded } from "./watched-parser.js";

const RANDOM_SPLITS = 20;

/** Everything that the kit looks at, as tests of their own: `for (const { name, run } of parserChecks(…)) test(name, run)`. */
export function parserChecks(plugin: ParserPlugin, options: ParserKitOptions = {}): Check[] {
	const name = `parser ${plugin.protocol}`;
	const subject: Subject = { plugin, others: options.with ?? [] };
	const talks = conversationsOf(plugin, options).map((conversation) => new Talk(conversation));
	const { seed = 1, fuzzInputs = 300 } = options;
	const fuzzing = options.comparable === undefined ? {} : { comparable: options.comparable };
	const losses = { places: options.places ?? 200, seed, mayMisread: options.mayMisread === true };
	const check = (title: string, act: (findings: Findings) => void | Promise<void>): Check => ({
		name: `${name}: ${title}`,
		run: async () => {
			const findings = new Findings(name);
			await act(findings);
			findings.settle();
		},
	});
	const each = (title: string, act: (talk: Talk, findings: Findings) => void): Check =>
		check(title, (findings) => {
			for (const talk of talks) {
				act(talk, findings);
				findings.settle();
			}
		});
	return [
		check("has conversations", (findings) => {
			findings.where = "the options of the kit";
			if (talks.length === 0) findings.report("example", "there is no conversation to try it with, and no `example`");
		}),
		check("runs in a process of its own", (findings) => inOwnProcess(plugin, options, findings)),
		each("parses what it is made for", (talk, findings) => parses(subject, talk, findings)),
		check("leaves other protocols alone", (findings) => foreign(plugin, options, findings)),
		each("says the same however it is cut", (talk, findings) => {
			const expected = reference(subject, talk, findings).digest;
			for (const way of ways(seed, RANDOM_SPLITS)) compareWay(subject, talk, findings, way, expected);
		}),
		each("with holes", (talk, findings) => holes(subject, talk, findings, losses)),
		each("joined late", (talk, findings) => lateJoins(subject, talk, findings, losses)),
		each("ended early", (talk, findings) => earlyEnds(subject, talk, findings, losses)),
		each("waits no longer than it may", (talk, findings) => waiting(subject, talk, findings)),
		check("takes broken bytes", (findings) => fuzz(subject, talks, findings, { ...fuzzing, inputs: fuzzInputs, seed })),
	];
}

/** Holds a parser to its contract; rejects with a `ContractBreach` that names the sentence. */
export async function checkParser(plugin: ParserPlugin, options: ParserKitOptions = {}): Promise<void> {
	await runAll(parserChecks(plugin, options));
}

/** Those of the options, and the plugin's own example. */
export function conversationsOf(plugin: ParserPlugin, options: ParserKitOptions): Conversation[] {
	const given = [...(options.conversations ?? [])];
	if (plugin.example !== undefined) given.push({ name: "its example", steps: plugin.example });
	return given;
}

function parses(subject: Subject, talk: Talk, findings: Findings): void {
	const run = reference(subject, talk, findings);
	const isSaid = run.exchanges.some(({ record }) => record.kind !== "connection");
	const isCarryLimit = run.opaque?.includes('"carry-limit"') === true;
	if (!run.isDetected) findings.report("detectAnswers", "detect() never said yes");
	else if (isCarryLimit) findings.report("carry", "the connection ended as opaque: too much was left unconsumed");
	else if (!isSaid && run.exchanges.every(({ record }) => hasNoNotes(record.annotations)))
		findings.report("head", run.opaque === null ? "nothing was said of it" : `nothing was said but: ${run.opaque}`);
}

/** A conversation of facts about the connection alone (pings, a login) is one, too. */
function hasNoNotes(annotations: object): boolean {
	return Object.keys(annotations).every((name) => name.startsWith("polytap."));
}

function foreign(plugin: ParserPlugin, options: ParserKitOptions, findings: Findings): void {
	const own = new Set([plugin.protocol, ...(options.alsoSpeaks ?? [])]);
	const hint = { transport: "tcp", serverPort: 1234, alpn: null, late: false } as const;
	for (const { protocols, client, server } of OPENINGS) {
		if (protocols.some((protocol) => own.has(protocol))) continue;
		for (let part = 1; part <= Math.max(client.length, server.length); part++) {
			for (const [a, b] of [
				[client.subarray(0, part), server.subarray(0, part)],
				[client.subarray(0, part), EMPTY],
				[EMPTY, server.subarray(0, part)],
			] as const) {
				findings.where = `the first ${part} bytes of ${protocols[0] ?? "nothing known"}`;
				const answer = guarded(findings, "detect", () => plugin.detect(a, b, hint), "no");
				if (answer === "yes")
					throw new ContractBreach(
						findings.plugin,
						"detectMore",
						"detect() said yes to another protocol",
						findings.where,
					);
				findings.settle();
			}
		}
	}
}

const EMPTY = new Uint8Array(0);
