/** The eBPF source, host and all, is held to its contract by the kit. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { sourceChecks } from "polytap/testkit";
import ebpf from "../../sources/ebpf/index.js";
import { live } from "./support/ebpf-harness.js";

const server = createServer((request, response) => {
	request.resume();
	request.on("end", () => response.end("an answer"));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
test.after.always(() => void server.close());

async function traffic(): Promise<void> {
	for (let number = 0; number < 3; number++) {
		const answer = await fetch(`http://127.0.0.1:${port}/${number}`, { headers: { connection: "close" } });
		await answer.text();
	}
}

const config = () => ({ targets: [{ ports: [port] }], vantage: "both" });
// three requests and their answers, at both ends
for (const { name, run } of sourceChecks(ebpf, { config, traffic, atLeast: 12, openMs: 30_000 }))
	live(name, (t) => t.notThrowsAsync(run()));
