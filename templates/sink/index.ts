import { type FileHandle, open } from "node:fs/promises";
import { asWriteError, PolytapError, type SinkPlugin, toJson, writeFully, z } from "polytap";

const config = z.strictObject({
	path: z.string().min(1).describe("File to append to."),
});

/** Appends a line for each exchange to a file. Put what you write to in its place. */
const plugin: SinkPlugin<z.output<typeof config>> = {
	api: 1,
	kind: "sink",
	type: "__NAME__",
	summary: "Appends a line for each exchange to a file.",
	config,
	create({ path }) {
		let file: FileHandle | null = null;
		let written = 0;
		return {
			// 1 keeps the order
			maxInFlight: 1,
			async open() {
				file = await open(path, "a", 0o600).catch((error: unknown) => {
					throw new PolytapError("SINK_FAILED", `cannot write ${path}`, "check the path and its permissions", error);
				});
			},
			async write(batch) {
				if (file === null) return;
				const lines = batch.map((exchange) => `${toJson(exchange)}\n`).join("");
				try {
					await writeFully(file.fd, Buffer.from(lines));
				} catch (error) {
					// Retryable, or Permanent where it will never work
					throw asWriteError(error);
				}
				written += batch.length;
			},
			async close() {
				const open = file;
				file = null;
				await open?.close();
			},
			counters: () => ({ exchanges_written: written }),
		};
	},
};

export default plugin;
