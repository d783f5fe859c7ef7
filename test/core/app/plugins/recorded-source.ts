/** A recorded source: `count` answered requests, a tenth of a second apart, from long ago. */
import { type CaptureEvent, type SourcePlugin, z } from "../../../../core/index.js";

const config = z.strictObject({
	count: z.int(),
	/** Number of the request that is never answered; the next one comes two minutes later. */
	unanswered: z.int().default(-1),
	/** Where it breaks off with an error. */
	breakAt: z.int().default(-1),
});

const LONG_AGO_US = 1_000_000_000_000_000;
const PAUSE_US = 100_000;
const LONG_PAUSE_US = 120_000_000;

const recorded: SourcePlugin<z.output<typeof config>> = {
	api: 1,
	kind: "source",
	type: "recorded",
	summary: "For tests.",
	offline: true,
	config,
	create: ({ count, unanswered, breakAt }) => ({
		open: async () => {},
		batches: async function* () {
			let tsUs = LONG_AGO_US;
			for (let number = 0; number < count; number++) {
				if (number === breakAt) throw new Error("damaged");
				yield request(number, tsUs, number !== unanswered);
				tsUs += number === unanswered ? LONG_PAUSE_US : PAUSE_US;
			}
		},
		close: async () => {},
	}),
};

export default recorded;

function request(number: number, tsUs: number, answered: boolean): CaptureEvent[] {
	const data = Buffer.from(`${number}\n`);
	const at = { conn: number, tsUs };
	const events: CaptureEvent[] = [
		{
			kind: "open",
			...at,
			transport: "tcp",
			client: { address: "10.0.0.1", port: 10_000 + (number % 50_000) },
			server: { address: "10.0.0.2", port: 80 },
			role: "wire",
			roleKnown: true,
			bases: [number, number],
			fromStart: true,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
		},
		{ kind: "bytes", ...at, dir: 0, offset: 0, data },
	];
	if (!answered) return events;
	return [...events, { kind: "bytes", ...at, dir: 1, offset: 0, data }, { kind: "close", ...at }];
}
