/** The `blackhole` sink: counts what it is given, and lets it go. */
import { type SinkPlugin, z } from "../../core/index.js";
import { BlackholeSink } from "./blackhole-sink.js";

export const blackholeConfig = z.strictObject({
	touch: z
		.boolean()
		.default(false)
		.describe("Read every payload byte once, so that what a sink at least costs is paid. For benchmarks."),
});

export type BlackholeConfig = z.output<typeof blackholeConfig>;

const blackhole: SinkPlugin<BlackholeConfig> = {
	api: 1,
	kind: "sink",
	type: "blackhole",
	summary: "Counts exchanges by outcome and bodies by completeness, and writes nothing.",
	config: blackholeConfig,
	create: (config) => new BlackholeSink(config),
};

export default blackhole;
