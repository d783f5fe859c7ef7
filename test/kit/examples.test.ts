/** The example plugins keep their contract, and run in a config. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
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

test.serial("the three of them run in one config: lines of a file arrive at an HTTP endpoint", async (t) => {
	const world = await server(200);
	const path = join(folder, "followed.log");
	const file = join(folder, "polytap.yaml");
	writeFileSync(path, "");
	const here = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
	const modules = ["tail-log", "log-lines", "webhook"].map((name) => here(`examples/${name}.js`));
	const config = {
		version: 1,
		plugins: modules,
		sources: { log: { type: "tail-log", path, poll_ms: 5 } },
		sinks: { hook: { type: "webhook", ...(world.config as object) } },
	};
	// JSON is YAML
	writeFileSync(file, JSON.stringify(config));
	const polytap = spawn(process.execPath, [here("core/app/cli.js"), "run", "-c", file], {
		stdio: ["ignore", "pipe", "pipe"],
	});
	const closed = new Promise<number | null>((resolve) => polytap.once("close", resolve));
	let said = "";
	polytap.stderr.on("data", (chunk) => {
		said += chunk;
	});
	const until = performance.now() + 30_000;
	const come = async (is: () => boolean | Promise<boolean>) => {
		while (!(await is()) && performance.now() < until) await delay(10);
	};
	try {
		await come(() => said.includes("ready:"));
		appendFileSync(path, "info one\nerror two\n");
		await come(async () => ((await world.received?.()) ?? []).length >= 2);
		t.is((await world.received?.())?.length, 2, said);
	} finally {
		polytap.kill("SIGTERM");
		t.is(await closed, 0, said);
		await world.close?.();
	}
});
