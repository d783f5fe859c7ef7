/**
 * `node dist/bench/parity.js [exchanges of each protocol [WORD…]]`: polytap compare of eBPF against a sidecar before each server, on
 * the same live traffic of HTTP/1.1, HTTP/2, PostgreSQL and Redis; `tls`: over TLS, which the sidecar opens and eBPF sees in the servers'
 * libraries; `sendfile`: nginx sends its files so. Prints the report; exits as `polytap compare` does.
 */
import { PROTOCOLS, startMixedServers } from "../test/e2e/support/mixed-traffic.js";
import { compareLive } from "../test/e2e/support/parity.js";
import { withScope } from "../test/e2e/support/scope.js";

const each = Number(process.argv[2] ?? 25_000);
const words = process.argv.slice(3);
process.exitCode = await withScope(async (scope) => {
	const servers = await startMixedServers(scope, { tls: words.includes("tls"), sendfile: words.includes("sendfile") });
	for (const protocol of PROTOCOLS) console.log(`${protocol}: ${servers.described[protocol]}`);
	const started = performance.now();
	const { code, stdout, stderr } = await compareLive(scope, servers, { each });
	const seconds = ((performance.now() - started) / 1000).toFixed(0);
	console.log(`${each} exchanges of each protocol, ${seconds} s\n\n${stdout}\n${stderr}`);
	return code ?? 1;
});
