/** Every registered parser against the first bytes of every protocol: never a wrong one. */
import { existsSync } from "node:fs";
import test from "ava";
import { BUILTINS } from "../../core/app/builtins.js";
import { Plugins } from "../../core/app/plugins.js";
import { Detection } from "../../core/engine/detection.js";
import { ParserRegistry } from "../../core/engine/registry.js";
import type { DetectHint, ParserPlugin } from "../../core/index.js";
import type { Sample } from "./sample.js";

const LENGTHS = [1, 4, 16, 64, 4096];
const NOTHING = new Uint8Array(0);
const parsers: readonly ParserPlugin[] = await new Plugins(BUILTINS).parsers();

function ask(client: Uint8Array, server: Uint8Array, late: boolean): string {
	const failures: unknown[] = [];
	const registry = new ParserRegistry(parsers, (_plugin, error) => failures.push(error));
	const hint = { transport: "tcp", serverPort: 7, alpn: null, late } as DetectHint;
	const answer = new Detection(registry).ask(client, server, hint);
	if (failures.length > 0) throw failures[0];
	return typeof answer === "object" ? answer.protocol : answer;
}

for (const { name, module } of BUILTINS.parsers) {
	const folder = /\/parsers\/([^/]+)\/index\.js$/.exec(module)?.[1] ?? "";
	test(`the first bytes of ${name}, in both directions, and from its middle on`, async (t) => {
		const file = new URL(`./${folder}/samples.js`, import.meta.url);
		t.true(existsSync(file), `test/parsers/${folder}/samples.ts is missing`);
		const { samples }: { samples: readonly Sample[] } = await import(file.href);
		for (const { client, server } of samples) {
			for (const length of LENGTHS) {
				const [a, b] = [client.subarray(0, length), server.subarray(0, length)];
				for (const [x, y] of [
					[a, NOTHING],
					[NOTHING, b],
					[a, b],
				] as const)
					t.true([name, "more"].includes(ask(x, y, false)), `${ask(x, y, false)} of ${length} bytes`);
			}
			t.is(ask(client, server, false), name);
			for (let from = 0; from < Math.max(client.length, server.length); from++)
				for (const [x, y] of [
					[client.subarray(from), NOTHING],
					[NOTHING, server.subarray(from)],
					[client.subarray(from), server.subarray(from)],
				] as const)
					t.true([name, "more", "no"].includes(ask(x, y, true)), `${ask(x, y, true)} from ${from} on`);
		}
	});
}

test("random bytes are nobody's", (t) => {
	let seed = 7;
	const random = (length: number): Uint8Array =>
		Uint8Array.from({ length }, () => {
			seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
			return seed >>> 24;
		});
	for (let i = 0; i < 3000; i++) {
		const [a, b] = [random(1 + (i % 64)), random(1 + ((i * 7) % 64))];
		for (const late of [false, true]) t.true(["more", "no"].includes(ask(a, b, late)));
	}
});
