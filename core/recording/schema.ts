import { z } from "zod";

export const recordSchema = z.strictObject({
	path: z
		.string()
		.min(1)
		.describe(
			"File of the recording (0600; folders are made, 0700). One from before is put aside under a name with the time.",
		),
	allow_unredacted: z
		.boolean()
		.default(false)
		.describe("Must be true: a recording holds what was captured before any redaction, secrets included."),
	max_bytes: z
		.int()
		.min(65_536)
		.max(2 ** 44)
		.default(2 ** 30)
		.describe("Size of the file at which recording ends. It says so, and capture goes on."),
	buffer_bytes: z
		.int()
		.min(65_536)
		.max(2 ** 33)
		.default(67_108_864)
		.describe(
			"Most memory for what is not written yet. What finds no room is missing from the recording, counted and named.",
		),
});

export type RecordOptions = z.output<typeof recordSchema>;
