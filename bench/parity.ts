/**
 * `node dist/bench/parity.js [exchanges of each protocol]`: polytap compare of eBPF against a sidecar before each server, on
 * the same live traffic of HTTP/1.1, HTTP/2, PostgreSQL and Redis. Prints the report; exits as `polytap compare` does.
 */
import { PROTOCOLS, startMixedServers } from "../test/e2e/support/mixed-traffic.js";
import { compareLive } from "../test/e2e/support/parity.js";
import { withScope } from "../test/e2e/support/scope.js";

const each = Number(process.argv[2] ?? 25_000);
process.exitCode = await withScope(async (scope) => {
	const servers = await startMixedServers(scope);
	for (const protocol of PROTOCOLS) console.log(`${protocol}: ${servers.described[protocol]}`);
	const started = performance.now();
	const { code, stdout, stderr } = await compareLive(scope, servers, { each });
	const seconds = ((performance.now() - started) / 1000).toFixed(0);
	console.log(`${each} exchanges of each protocol, ${seconds} s\n\n${stdout}\n${stderr}`);
	return code ?? 1;
});
