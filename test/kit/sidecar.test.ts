/** The legacy sidecar, with a real server behind it: its relay is a host, and so is held to that half of the contract too. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { sourceChecks } from "polytap/testkit";
import sidecar from "../../sources/sidecar-legacy/index.js";
import { freePort } from "../e2e/support/port.js";

const server = createServer((request, response) => {
	request.resume();
	request.on("end", () => response.end("an answer"));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
test.after.always(() => void server.close());

const config = async () => ({
	listen: `127.0.0.1:${await freePort()}`,
	upstream: `127.0.0.1:${(server.address() as AddressInfo).port}`,
});

async function traffic(given: unknown): Promise<void> {
	const { listen } = given as { readonly listen: string };
	for (let number = 0; number < 3; number++) {
		const answer = await fetch(`http://${listen}/${number}`, { headers: { connection: "close" } });
		await answer.text();
	}
}

// three requests and their answers, on both legs
for (const { name, run } of sourceChecks(sidecar, { config, traffic, atLeast: 12 }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
