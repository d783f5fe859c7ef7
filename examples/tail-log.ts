/** A source: each line that is appended to a file is a message of one connection. Under 50 lines, through the public entry alone. */
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type CaptureEvent, PolytapError, type SourcePlugin, z } from "polytap";

const config = z.strictObject({
	path: z.string().min(1).describe("File to follow, from its end on."),
	poll_ms: z.int().min(1).default(100).describe("How often to look for more, milliseconds."),
});

export default {
	api: 1,
	kind: "source",
	type: "tail-log",
	summary: "Follows a file: what is appended is one connection's client stream.",
	config,
	create({ path, poll_ms }) {
		let file: Awaited<ReturnType<typeof open>> | null = null;
		let [start, offset] = [0, 0];
		return {
			async open() {
				file = await open(path).catch((error: unknown) => {
					throw new PolytapError("SOURCE_FAILED", `cannot read ${path}`, "check the path and its permissions", error);
				});
				start = (await file.stat()).size;
			},
			async *batches(signal) {
				const end = { address: path, port: 0 };
				const base = { transport: "unix", role: "server", roleKnown: true, bases: null, fromStart: true } as const;
				const more = { netns: null, process: null, layer: "transport", lower: null } as const;
				yield [{ kind: "open", conn: 1, tsUs: Date.now() * 1000, client: end, server: end, ...base, ...more }];
				const buffer = Buffer.allocUnsafe(65_536);
				for (;;) {
					const { bytesRead = 0 } = (await file?.read(buffer, 0, buffer.length, start + offset)) ?? {};
					const data = buffer.subarray(0, bytesRead);
					if (bytesRead > 0)
						yield [{ kind: "bytes", conn: 1, dir: 0, offset, tsUs: Date.now() * 1000, data }] satisfies CaptureEvent[];
					else if (signal.aborted || file === null) return;
					else await delay(poll_ms, undefined, { signal }).catch(() => {});
					offset += bytesRead;
				}
			},
			close: async () => {
				await file?.close();
				file = null;
			},
		};
	},
} satisfies SourcePlugin<z.output<typeof config>>;
