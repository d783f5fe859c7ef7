import { z } from "../../core/index.js";
import { parseAddress } from "./address.js";

const ORIGINAL = "original-destination";
const address = z
	.string()
	.refine((text) => parseAddress(text) !== null, { message: "must be HOST:PORT or [IPV6]:PORT" });
const port = z.int().min(1).max(65_535);
const milliseconds = (most: number) => z.int().min(0).max(most);

const proxyProtocol = z
	.strictObject({
		accept: z
			.boolean()
			.default(false)
			.describe("Every connection begins with a PROXY protocol header (version 1 or 2); one without is closed."),
		send: z.enum(["off", "v1", "v2"]).default("off").describe("Begin each upstream connection with such a header."),
	})
	.prefault({});

const tls = z
	.strictObject({
		mode: z
			.enum(["passthrough", "intercept"])
			.default("passthrough")
			.describe("`passthrough` relays TLS as it is; `intercept` ends it here and captures the plaintext."),
		certificate_file: z
			.string()
			.optional()
			.describe(
				"PEM certificate chain to present. Without it each host gets a certificate of the installation's own CA.",
			),
		key_file: z.string().optional().describe("PEM private key of `certificate_file`."),
		ca_folder: z
			.string()
			.optional()
			.describe(
				"Where this installation's own CA lives (`ca.pem`, `ca-key.pem`); made there at the first start, 0700.",
			),
		upstream: z
			.enum(["same", "plain", "always"])
			.default("same")
			.describe("TLS towards the upstream: where the client used it, never, or always."),
		upstream_ca_file: z.string().optional().describe("PEM CAs to trust upstream instead of the system's."),
		upstream_verify: z.boolean().default(true).describe("Refuse upstream certificates that do not verify."),
		alpn: z
			.array(z.string().min(1).max(255))
			.max(8)
			.default(["http/1.1"])
			.describe("Application protocols to offer to clients where the upstream is plain and cannot be asked."),
		passthrough_hosts: z
			.array(z.string().min(1))
			.max(1000)
			.default([])
			.describe("Server names that are never opened; `*.example.com` means every name below."),
		starttls: z
			.array(z.enum(["postgresql", "mysql"]))
			.default(["postgresql", "mysql"])
			.describe("Protocols whose switch to TLS in the middle of a connection is followed."),
	})
	.refine((value) => (value.certificate_file === undefined) === (value.key_file === undefined), {
		message: "certificate_file and key_file belong together",
	})
	.refine(
		(value) => value.mode === "passthrough" || value.certificate_file !== undefined || value.ca_folder !== undefined,
		{
			message: "intercept needs certificate_file and key_file, or ca_folder",
		},
	)
	.prefault({});

const redirect = z.strictObject({
	ports: z.array(port).min(1).max(64).describe("TCP server ports whose connections are redirected to `listen`."),
	uid: z
		.int()
		.min(0)
		.optional()
		.describe(
			"Outbound: connections of this user are left alone, so that the relay's own do not come back. Default: polytap's.",
		),
	backend: z
		.enum(["auto", "nftables", "iptables"])
		.default("auto")
		.describe("What writes the rules; `auto` takes nft where it is installed, else iptables and ip6tables."),
	manage: z
		.boolean()
		.default(false)
		.describe(
			"polytap run installs the rules when it listens and removes them when it ends. Otherwise: polytap sidecar-rules.",
		),
});

export const sidecarOptions = z
	.strictObject({
		listen: z
			.union([address, z.array(address).min(1).max(8)])
			.describe("Address and port of the relay, or a list of them."),
		upstream: z
			.union([z.literal(ORIGINAL), address])
			.describe("Where connections go: an address, or `original-destination` of connections redirected by the kernel."),
		direction: z
			.enum(["inbound", "outbound"])
			.default("inbound")
			.describe(
				"Which traffic this relay stands in: of the servers of this host, or of its clients. Chooses the redirection.",
			),
		legs: z
			.enum(["both", "downstream", "upstream"])
			.default("both")
			.describe("Which legs of a hop are reported: client to relay, relay to server, or both."),
		max_connections: z.int().min(1).max(200_000).default(10_000).describe("More are refused, and counted."),
		connect_timeout_ms: milliseconds(600_000).min(1).default(5_000).describe("For a connection to the upstream."),
		handshake_timeout_ms: milliseconds(600_000)
			.min(1)
			.default(10_000)
			.describe("For PROXY protocol headers and TLS handshakes."),
		idle_timeout_ms: milliseconds(86_400_000).default(3_600_000).describe("Without a byte either way; 0: never."),
		half_closed_timeout_ms: milliseconds(86_400_000)
			.default(600_000)
			.describe("Without a byte once one direction has ended; 0: never."),
		drain_timeout_ms: milliseconds(8_000)
			.default(5_000)
			.describe("What open connections get to end by themselves when polytap stops; then they are reset."),
		tee_bytes: z
			.int()
			.min(1 << 18)
			.max(1 << 30)
			.refine((bytes) => (bytes & (bytes - 1)) === 0, { message: "must be a power of two" })
			.default(16_777_216)
			.describe(
				"Memory between relay and parsers, bytes, a power of two. What does not fit is a gap; the bytes go on.",
			),
		health_listen: address.optional().describe("HTTP: `/healthz` and `/readyz` answer 200 or 503."),
		proxy_protocol: proxyProtocol.describe("The PROXY protocol, in and out."),
		tls: tls.describe("What happens to TLS."),
		redirect: redirect.optional().describe("The kernel's redirection of connections to this relay."),
	})
	.refine((value) => value.redirect === undefined || value.upstream === ORIGINAL, {
		message: "redirect needs `upstream: original-destination`",
	});

export type SidecarOptions = z.infer<typeof sidecarOptions>;

export const listenAddresses = ({ listen }: Pick<SidecarOptions, "listen">): readonly string[] =>
	typeof listen === "string" ? [listen] : listen;

export const isTransparent = ({ upstream }: Pick<SidecarOptions, "upstream">): boolean => upstream === ORIGINAL;
