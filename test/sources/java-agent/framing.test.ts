import test from "ava";
import fc from "fast-check";
import { Framing, type RawMessage } from "../../../sources/java-agent/framing.js";
import { dataParams, LIMITS } from "../../../sources/java-agent/protocol.js";
import { readRows } from "../../../sources/java-agent/rows.js";

interface Read {
	readonly messages: { readonly message: RawMessage; readonly attachment: string | null }[];
	readonly problems: string[];
}

function read(pieces: readonly Buffer[]): Read {
	const seen: Read = { messages: [], problems: [] };
	const framing = new Framing({
		onMessage: (message, attachment) => {
			seen.messages.push({ message, attachment: attachment === null ? null : Buffer.from(attachment).toString("hex") });
			return true;
		},
		onProblem: (problem) => void seen.problems.push(problem),
	});
	framing.allowsAttachments = true;
	for (const piece of pieces) framing.push(piece);
	return seen;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
	const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
	return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

const message = fc.oneof(
	fc
		.record({ method: fc.string(), params: fc.object({ maxDepth: 1, key: fc.constantFrom("a", "b") }) })
		.map((value) => ({
			bytes: Buffer.from(`${JSON.stringify(value)}\n`),
			attachment: null as string | null,
		})),
	fc.uint8Array({ minLength: 1, maxLength: 300 }).map((payload) => ({
		bytes: Buffer.concat([Buffer.from(`{"method":"data","params":{"bin":${payload.length}}}\n`), payload]),
		attachment: Buffer.from(payload).toString("hex"),
	})),
);

test("however the stream is cut, the messages are the same", (t) => {
	fc.assert(
		fc.property(
			fc.array(message, { maxLength: 12 }),
			fc.array(fc.nat(10_000), { maxLength: 40 }),
			(messages, places) => {
				const bytes = Buffer.concat(messages.map((each) => each.bytes));
				const seen = read(cut(bytes, places));
				return (
					seen.problems.length === 0 &&
					seen.messages.length === messages.length &&
					seen.messages.every(({ attachment }, i) => attachment === messages[i]!.attachment)
				);
			},
		),
		{ seed: 81, numRuns: 2000 },
	);
	t.pass();
});

test("whatever comes: at most one problem, nothing after it, no exception", (t) => {
	const noise = fc.oneof(
		message.map(({ bytes }) => bytes),
		fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
		fc.string({ maxLength: 80 }).map((text) => Buffer.from(`${text}\n`)),
		fc
			.constantFrom('{"params":{"bin":"9"}}\n', '{"params":{"bin":1e9}}\n', "null\n", '{"a":')
			.map((text) => Buffer.from(text)),
	);
	fc.assert(
		fc.property(fc.array(noise, { maxLength: 12 }), fc.array(fc.nat(4_000), { maxLength: 20 }), (parts, places) => {
			const bytes = Buffer.concat(parts);
			const whole = read([bytes]);
			const pieces = read(cut(bytes, places));
			return whole.problems.length <= 1 && JSON.stringify(whole) === JSON.stringify(pieces);
		}),
		{ seed: 82, numRuns: 5000 },
	);
	t.pass();
});

test("rows are checked as the protocol's schema says", (t) => {
	const number = fc.oneof(
		fc.constantFrom(0, 1, 2, -1, -2, 0.5, LIMITS.maxChunkBytes, LIMITS.maxChunkBytes + 1, 2 ** 53, Number.NaN),
		fc.nat(50),
	);
	const row = fc.oneof(
		{ weight: 4, arbitrary: fc.tuple(number, fc.nat(2), number, number, number, number, fc.nat(60), number) },
		{ weight: 1, arbitrary: fc.array(fc.oneof(number, fc.string()), { maxLength: 9 }) },
		{
			weight: 6,
			arbitrary: fc.tuple(
				fc.nat(9),
				fc.nat(1),
				fc.nat(),
				fc.nat(),
				fc.nat(9),
				fc.nat(),
				fc.integer({ min: 1, max: 60 }),
				fc.nat(),
			),
		},
	);
	let accepted = 0;
	fc.assert(
		fc.property(fc.array(row, { maxLength: 4 }), fc.boolean(), (rows, hasPayload) => {
			const bytes = rows.reduce<number>((sum, each) => sum + (typeof each[6] === "number" ? each[6] : 0), 0);
			if (!(bytes >= 0 && bytes < 200_000)) return true;
			const b64 = Buffer.alloc(bytes).toString("base64");
			const params = hasPayload ? { e: rows, b64 } : { e: rows };
			const isRead = typeof readRows(params, null) !== "string";
			if (isRead) accepted++;
			return isRead === dataParams.safeParse(params).success;
		}),
		{ seed: 83, numRuns: 5000 },
	);
	t.true(accepted > 100, `${accepted} were accepted`);
});
