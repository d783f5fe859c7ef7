/** The eBPF source, host and all, is held to its contract by the kit. */
import test from "ava";
import { sourceChecks } from "polytap/testkit";
import ebpf from "../../sources/ebpf/index.js";
import { live } from "./support/ebpf-harness.js";
import { startNodeServer } from "./support/node-server.js";
import { Scope } from "./support/scope.js";

// in a process of its own: polytap leaves its own sockets alone
const scope = new Scope();
const { port } = await startNodeServer(scope);
test.after.always(() => scope.close());

async function traffic(): Promise<void> {
	for (let number = 0; number < 3; number++) {
		const answer = await fetch(`http://127.0.0.1:${port}/small`, { headers: { connection: "close" } });
		await answer.text();
	}
}

const config = () => ({ targets: [{ ports: [port] }], vantage: "server" });
// three requests and their answers
for (const { name, run } of sourceChecks(ebpf, { config, traffic, atLeast: 6, openMs: 60_000 }))
	live(name, (t) => t.notThrowsAsync(run()));
