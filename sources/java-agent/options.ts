import { z } from "../../core/index.js";

/** A Unix socket's path, or a loopback address. */
export type ListenAddress =
	| { readonly kind: "unix"; readonly path: string }
	| { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Null where it is neither an absolute path nor a loopback address with a port. */
export function parseListen(text: string): ListenAddress | null {
	// sun_path holds 107 bytes and a NUL
	if (text.startsWith("/")) return Buffer.byteLength(text) <= 107 ? { kind: "unix", path: text } : null;
	const found = /^(127(?:\.\d{1,3}){3}|\[::1\]):(\d{1,5})$/.exec(text);
	const port = Number(found?.[2]);
	if (found === null || port > 65_535) return null;
	return { kind: "tcp", host: found[1]!.replace(/[[\]]/g, ""), port };
}

export const javaOptions = z
	.strictObject({
		listen: z
			.string()
			.refine((text) => parseListen(text) !== null, {
				message: "must be the absolute path of a Unix socket, or a loopback address with a port",
			})
			.default("/run/polytap/java.sock")
			.describe(
				"Where agents connect: the path of a Unix socket (its folder is made with mode 0700), or 127.0.0.1:PORT for JVMs older than 16.",
			),
		token: z
			.string()
			.min(16)
			.max(256)
			.optional()
			.describe("What agents must show; required for a loopback address, where the kernel does not say who connects."),
		users: z
			.array(z.int().min(0))
			.max(64)
			.default([])
			.describe(
				"User ids, besides polytap's own and root, whose JVMs may connect to the Unix socket. Where there are any, its folder lets others pass (0711) and the kernel's word decides.",
			),
		plain: z
			.boolean()
			.default(false)
			.describe("Agents also send the bytes of connections without TLS: for hosts without eBPF."),
		semantics: z
			.boolean()
			.default(true)
			.describe("Agents also send what only the JVM knows: threads, pools, retries, SQL."),
		values: z
			.boolean()
			.default(false)
			.describe("With `semantics`: also the values that are bound to statements, as the driver prints them."),
		traces: z
			.boolean()
			.default(false)
			.describe(
				"With `semantics`: also the ids of trace and span that a thread works on (OpenTelemetry's current span, else SLF4J's MDC).",
			),
		credit_bytes: z
			.int()
			.min(1 << 18)
			.max(1 << 28)
			.default(8_388_608)
			.describe("What one JVM may send before polytap has worked off what came before; beyond that the agent drops."),
		max_held_bytes: z
			.int()
			.min(1 << 20)
			.max(1 << 30)
			.default(67_108_864)
			.describe("What waits for the engine, of all JVMs together; above it nothing is read from their sockets."),
		max_jvms: z.int().min(1).max(4096).default(256).describe("JVMs at once; more are refused."),
		max_connections: z
			.int()
			.min(1)
			.max(1_000_000)
			.default(65_536)
			.describe("Connections of one JVM at once; more are counted and not told."),
		reconnect_grace_ms: z
			.int()
			.min(0)
			.max(600_000)
			.default(60_000)
			.describe("How long connections of a JVM whose agent is away are kept for its return."),
	})
	.refine((value) => value.token !== undefined || value.listen.startsWith("/"), {
		message: "a loopback address needs a token",
		path: ["token"],
	});

export type JavaOptions = z.infer<typeof javaOptions>;
