/** The example plugins keep their contract, and run in a config. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { checkParser, checkSink, checkSource, type SinkWorld } from "polytap/testkit";
import logLines from "../../examples/log-lines.js";
import tailLog from "../../examples/tail-log.js";
import webhook from "../../examples/webhook.js";

const folder = mkdtempSync(join(tmpdir(), "polytap-examples-"));
test.after.always(() => rmSync(folder, { recursive: true }));

test.serial("tail-log keeps its contract", async (t) => {
	let files = 0;
	const config = () => {
		const path = join(folder, `${files++}.log`);
		writeFileSync(path, "info before\n");
		return { path, poll_ms: 5 };
	};
	const traffic = (given: unknown) => appendFileSync((given as { path: string }).path, "info more\n");
	await t.notThrowsAsync(checkSource(tailLog, { config, traffic }));
});

test.serial("log-lines keeps its contract", async (t) => {
	const module = new URL("../../examples/log-lines.js", import.meta.url);
	const steps = [{ from: "client" as const, text: "info one\nwarn two, and more\ndebug \n" }];
	await t.notThrowsAsync(
		checkParser(logLines, { module, conversations: [{ name: "levels", steps }], mayMisread: true }),
	);
});

/** An HTTP server that answers with a status; 0: never. */
async function server(first: number): Promise<SinkWorld> {
	const ids: string[] = [];
	let status = first;
	const listening = createServer((request, response) => {
		let text = "";
		request.on("data", (chunk) => {
			text += chunk;
		});
		request.on("end", () => {
			if (status === 200) ids.push(...(JSON.parse(text) as { id: string }[]).map(({ id }) => id));
			if (status !== 0) response.writeHead(status).end();
		});
	});
	await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
	return {
		config: { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/` },
		received: () => ids,
		heal: () => {
			status = 200;
		},
		close: () =>
			new Promise((resolve) => {
				listening.close(() => resolve());
				listening.closeAllConnections();
			}),
	};
}

test.serial("webhook keeps its contract", (t) =>
	t.notThrowsAsync(
		checkSink(webhook, {
			world: () => server(200),
			retryable: () => server(503),
			permanent: () => server(400),
			hanging: () => server(0),
		}),
	),
);
