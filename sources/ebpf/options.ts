import { z } from "../../core/index.js";

const ports = z.array(z.int().min(1).max(65_535)).min(1).max(32);

/** A rule names a protocol as records do. */
const protocol = z.string().min(1).max(64);

/** The kernel has room for 108 bytes, with a zero at the end or, of an abstract one, at the beginning. */
const unixPath = z
	.string()
	.min(1)
	.refine((path) => Buffer.byteLength(path) <= 107, { message: "a path of a Unix socket has at most 107 bytes" });

const targetRule = z
	.strictObject({
		ports: ports.optional().describe("The server's port of a connection, whichever end is on this node."),
		pids: z
			.array(z.int().min(1))
			.min(1)
			.max(16)
			.optional()
			.describe("Processes, by id in polytap's own pid namespace."),
		name: z
			.string()
			.min(1)
			.max(15)
			.optional()
			.describe("The process name (`comm`) of the thread that uses the socket."),
		unix: z
			.array(unixPath)
			.min(1)
			.max(8)
			.optional()
			.describe(
				"Unix stream sockets, by the path that their server listens on, as it names it; `@name` is an abstract one, `*` whichever has a name. A rule with `unix` is about nothing else; `pids` and `name` may stand beside it.",
			),
		udp: ports
			.optional()
			.describe(
				"UDP, by the server's port, whichever end is on this node. A rule with `udp` is about nothing else, and no process stands beside it: packets come before anybody knows whose they are.",
			),
		protocol: protocol
			.optional()
			.describe(
				"What is spoken on these `ports`: nobody guesses, and what its parser cannot read is opaque. `name` is compared with that of the process.",
			),
		exclude: z.boolean().default(false).describe("What this rule matches is never captured, whatever other rules say."),
	})
	.refine(
		({ ports, pids, name, unix, udp }) =>
			ports !== undefined || pids !== undefined || name !== undefined || unix !== undefined || udp !== undefined,
		{ message: "a rule needs at least one of ports, pids, name, unix, udp" },
	)
	.refine(({ ports, unix }) => ports === undefined || unix === undefined, {
		message: "Unix sockets have no ports: make two rules of it",
	})
	.refine(({ ports, pids, name, unix, udp }) => udp === undefined || (ports ?? pids ?? name ?? unix) === undefined, {
		message: "`udp` stands alone in a rule, with `exclude` at the most",
	})
	.refine((rule) => rule.protocol === undefined || (rule.ports !== undefined && !rule.exclude), {
		message: "`protocol` needs `ports` beside it, and no `exclude`",
	});

export const ebpfOptions = z.strictObject({
	targets: z
		.array(targetRule)
		.min(1)
		.max(16)
		.describe("What to capture. The fields of one rule must all hold; any rule suffices; a rule with `exclude` wins."),
	vantage: z
		.enum(["auto", "server", "client", "both"])
		.default("auto")
		.describe("Which end to copy where both are on this node: `auto` copies a byte once, at the server; `both` twice."),
	wire: z
		.enum(["auto", "always", "never"])
		.default("auto")
		.describe(
			"Packets for what has no user buffer (sendfile, splice): from a process's first such call on, always, or never.",
		),
	hooks: z
		.enum(["auto", "tracepoints", "functions"])
		.default("auto")
		.describe(
			"Where sends and receives are seen: two socket tracepoints (kernel 6.3), the ends of kernel functions (fexit), or the first of both that the kernel has.",
		),
	tls: z
		.enum(["auto", "off"])
		.default("auto")
		.describe(
			"Plaintext above TLS, from probes in the libraries of applications (OpenSSL and what has its interface, GnuTLS, Go): where one is found, or not at all.",
		),
	max_cpu_percent: z
		.int()
		.min(0)
		.max(10_000)
		.default(0)
		.describe(
			"Processor time that polytap may use, percent of one processor. Above it less is captured, in steps that are told and counted: less of large payloads, then fewer new connections. 0: no limit.",
		),
	ring_bytes: z
		.int()
		.min(4096)
		.max(1 << 30)
		.refine((bytes) => (bytes & (bytes - 1)) === 0, { message: "must be a power of two" })
		.default(8_388_608)
		.describe("Size of the payload ring that kernel and polytap share, bytes, a power of two."),
	control_ring_bytes: z
		.int()
		.min(4096)
		.max(1 << 28)
		.refine((bytes) => (bytes & (bytes - 1)) === 0, { message: "must be a power of two" })
		.default(4_194_304)
		.describe(
			"Size of the ring for closes, bytes, a power of two. Where it is full, one more for each 16 bytes of it is kept.",
		),
	test_fault_drop_one_in: z
		.int()
		.min(0)
		.default(0)
		.describe("For tests of polytap itself: throw away one record in this many, without counting it as lost. 0: none."),
	test_fault_drop_end: z
		.enum(["client", "server"])
		.default("client")
		.describe("For tests of polytap itself: the end whose records are thrown away."),
});

export type EbpfOptions = z.infer<typeof ebpfOptions>;
