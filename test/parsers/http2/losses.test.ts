import test from "ava";
import type { Direction, Exchange, ExchangeMessage } from "../../../core/index.js";
import parser from "../../../parsers/http2/index.js";
import { Harness } from "../../core/engine/harness.js";
import { ask, type Chunk, talk } from "./talk.js";

const UNKNOWN = "<unknown>";

/** Many fields that the client's and the server's tables keep, in changing order. */
const recorded = talk(
	(stream, headers) => {
		const path = String(headers[":path"]);
		stream.respond(
			{ ":status": 200, "x-path": path, "x-odd": `odd ${path.length}`, date: "Mon, 21 Oct 2013 20:13:21 GMT" },
			{ waitForTrailers: path.endsWith("3") },
		);
		stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": path }));
		stream.end(`body of ${path}`);
	},
	async (client) => {
		for (let i = 0; i < 12; i++) {
			const name = `x-name-${i % 5}`;
			const asked = [
				{ ":path": `/a/${i}`, [name]: `value ${i % 4}` },
				{ ":path": `/b/${i}`, "x-last": String(i) },
			];
			await Promise.all(asked.map((headers) => ask(client, headers)));
		}
	},
);

interface Stream {
	readonly bytes: Buffer;
	/** Where frames begin; the preface is one. */
	readonly frames: readonly number[];
}

function streamOf(chunks: readonly Chunk[], dir: Direction): Stream {
	const bytes = Buffer.concat(chunks.filter((chunk) => chunk.dir === dir).map((chunk) => chunk.bytes));
	const frames: number[] = dir === 0 ? [0] : [];
	for (let at = dir === 0 ? 24 : 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) frames.push(at);
	return { bytes, frames };
}

/** Everything but bytes `from` to `to` of a direction. */
function without(chunks: readonly Chunk[], dir: Direction, from: number, to: number, joinedLate = false): Harness {
	const h = new Harness({}, [parser]).open(1, "server", joinedLate ? { fromStart: false } : {});
	const at: [number, number] = [0, 0];
	for (const chunk of chunks) {
		const start = at[chunk.dir];
		const end = start + chunk.bytes.length;
		at[chunk.dir] = end;
		const pieces: (readonly [number, number])[] =
			chunk.dir !== dir
				? [[start, end]]
				: [
						[start, Math.min(end, from)],
						[Math.max(start, to), end],
					];
		for (const [a, b] of pieces) if (b > a) h.bytes(chunk.dir, a, chunk.bytes.subarray(a - start, b - start));
		h.pass(60_000);
	}
	return h.close(at).pass(200_000);
}

/** Everything that was said of a stream, from the whole capture. */
function truthOf(h: Harness): ReadonlyMap<number, Exchange> {
	return new Map(h.exchanges.filter(({ kind }) => kind === "exchange").map((x) => [streamNumber(x), x]));
}

function streamNumber({ id }: Exchange): number {
	return Number.parseInt(id.slice(24), 16) & 0x7fff_ffff;
}

/** What is wrong with a message: a name or a value that it did not have. */
function wrongIn(said: ExchangeMessage | null, truth: ExchangeMessage | null): string[] {
	if (said === null) return [];
	if (truth === null) return ["a message that was not there"];
	const wrong: string[] = [];
	for (const list of ["headers", "trailers"] as const) {
		const known = new Set(truth[list].map(([name, value]) => `${name}: ${value}`));
		const names = new Set(truth[list].map(([name]) => name));
		const values = new Set(truth[list].map(([, value]) => value));
		for (const [name, value] of said[list]) {
			if (name === UNKNOWN && (value === UNKNOWN || values.has(value))) continue;
			if (value === UNKNOWN && names.has(name)) continue;
			if (!known.has(`${name}: ${value}`)) wrong.push(`${list}: ${name}: ${value}`);
		}
	}
	for (const [name, value] of Object.entries(said.attributes))
		if (truth.attributes[name] !== value) wrong.push(`${name}: ${String(value)}`);
	if (said.body.completeness === "complete" && said.body.bytes > 0 && said.body.data !== truth.body.data)
		wrong.push(`body: ${String(said.body.data)}`);
	return wrong;
}

function wrongOf(h: Harness, truth: ReadonlyMap<number, Exchange>): string[] {
	return h.exchanges
		.filter(({ kind }) => kind !== "connection")
		.flatMap((x) => {
			const known = truth.get(streamNumber(x)) ?? null;
			return [...wrongIn(x.request, known?.request ?? null), ...wrongIn(x.response, known?.response ?? null)].map(
				(what) => `stream ${streamNumber(x)}: ${what}`,
			);
		});
}

for (const dir of [0, 1] as const) {
	test(`each single frame of direction ${dir} is missing in turn: no wrong name and no wrong value`, async (t) => {
		const chunks = await recorded;
		const truth = truthOf(without(chunks, dir, 0, 0));
		t.is(truth.size, 24);
		const { bytes, frames } = streamOf(chunks, dir);
		let known = 0;
		for (const [i, from] of frames.entries()) {
			const h = without(chunks, dir, from, frames[i + 1] ?? bytes.length);
			t.deepEqual(h.failures, []);
			t.deepEqual(wrongOf(h, truth), [], `without frame ${i}`);
			known += h.exchanges.filter(({ outcome }) => outcome === "ok").length;
		}
		// most exchanges are whole without any one frame
		t.true(known > frames.length * 20, `${known} of ${frames.length * 25}`);
	});

	test(`each range of direction ${dir} is missing in turn: no wrong name and no wrong value`, async (t) => {
		const chunks = await recorded;
		const truth = truthOf(without(chunks, dir, 0, 0));
		const { bytes } = streamOf(chunks, dir);
		for (const length of [1, 2, 9, 30, 100, 500])
			for (let from = 0; from < bytes.length; from += length < 9 ? 3 : 7) {
				const h = without(chunks, dir, from, from + length);
				t.deepEqual(h.failures, []);
				t.deepEqual(wrongOf(h, truth), [], `without ${from} to ${from + length}`);
			}
	});
}

test("joined late at each frame: what was inserted since is exact, what was before reads <unknown>", async (t) => {
	const chunks = await recorded;
	const truth = truthOf(without(chunks, 0, 0, 0));
	let unknown = 0;
	for (let skipped = 1; skipped < chunks.length - 2; skipped++) {
		const h = new Harness({}, [parser]).open(1, "server", { fromStart: false });
		const at: [number, number] = [0, 0];
		for (const [i, { dir, bytes }] of chunks.entries()) {
			if (i >= skipped) h.bytes(dir, at[dir], bytes);
			at[dir] += bytes.length;
		}
		h.pass(60_000).close(at).pass(200_000);
		t.deepEqual(h.failures, []);
		t.deepEqual(wrongOf(h, truth), [], `without the first ${skipped} writes`);
		for (const x of h.exchanges)
			for (const message of [x.request, x.response])
				if (message?.headers.some(([name, value]) => name === UNKNOWN || value === UNKNOWN) === true) {
					unknown++;
					t.true(x.flags.includes("headers-unknown"));
				}
	}
	t.true(unknown > 0);
});
