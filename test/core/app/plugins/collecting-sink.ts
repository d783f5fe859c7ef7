/** Writes the operation of each exchange as a line into a file. */
import { appendFileSync } from "node:fs";
import { PolytapError, type SinkPlugin, z } from "../../../../core/index.js";

const config = z.strictObject({ path: z.string(), fail: z.enum(["no", "open", "write"]).default("no") });

const collecting: SinkPlugin<z.output<typeof config>> = {
	api: 1,
	kind: "sink",
	type: "collecting",
	summary: "For tests.",
	config,
	create: ({ path, fail }) => ({
		maxInFlight: 1,
		open: async () => {
			if (fail === "open") throw new PolytapError("SINK_FAILED", "cannot open");
		},
		write: async (batch) => {
			if (fail === "write") throw new Error("cannot write");
			appendFileSync(path, batch.map((exchange) => `${exchange.summary.operation}\n`).join(""));
		},
		close: async () => {},
	}),
};

export default collecting;
