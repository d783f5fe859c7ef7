/** One connection, seen encrypted by the kernel and as plaintext by the agent: one record for each exchange, seen by both. */
import test from "ava";
import type { Exchange } from "../../core/index.js";
import { bodySha256, findJdks, JavaPrograms, missingJava, saidBy, startJavaCapture } from "./support/java.js";
import { missing } from "./support/needs.js";
import { withScope } from "./support/scope.js";

const lacking = missingJava() ?? missing("bpf");
if (lacking !== null) console.error(`SKIPPED, eBPF and the Java agent together are not tested: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

const isWhole = ({ kind }: Exchange) => kind === "exchange";

for (const jdk of findJdks().slice(-1))
	live(`JDK ${jdk.version}: each exchange once, with what both saw, and the kernel's times around it`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java"]);
			const server = programs.start(jdk, null, ["Https", "serve", programs.keyStore]);
			scope.defer(() => server.stop("SIGKILL"));
			await server.until(() => server.stdout.includes("port "), 60_000);
			const port = Number(/port (\d+)/.exec(server.stdout)?.[1]);
			const capture = await startJavaCapture(scope, {
				sources: { node: { type: "ebpf", targets: [{ ports: [port] }], vantage: "both" } },
			});
			const said = [
				...saidBy(await programs.run(jdk, capture.listen, ["Https", "http1", String(port), "15"])),
				...saidBy(await programs.run(jdk, capture.listen, ["Https", "urlconnection", String(port), "15"])),
			];
			const { exchanges, totals } = await capture.stop();
			t.is(said.length, 30);
			t.is(exchanges.filter(isWhole).length, 30);
			for (const each of said) {
				const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === each.path);
				t.is(found.length, 1, each.path);
				const [exchange] = found;
				if (exchange === undefined) continue;
				t.is(bodySha256(exchange.request), each.sent);
				t.is(bodySha256(exchange.response), each.got);
				t.is(typeof exchange.annotations["java.thread.name"], "string");
				const seen = exchange.observedBy.map(({ source, vantage }) => `${source} ${vantage}`).sort();
				t.deepEqual(seen, ["jvm client", "node client", "node server"], each.path);
				// plaintext is written before its ciphertext, and read after it
				const jvm = exchange.observedBy.find(({ source }) => source === "jvm")!;
				for (const kernel of exchange.observedBy.filter(({ source }) => source === "node")) {
					const startsUs = (Date.parse(kernel.startedAt) - Date.parse(jvm.startedAt)) * 1000;
					t.true(Math.abs(startsUs) < 1_000_000, `${each.path}: the kernel began ${startsUs} µs later`);
					t.true(kernel.durationUs <= jvm.durationUs + 1_000_000);
				}
			}
			t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, agent_dropped_events: 0 });
			t.is(totals.bytes.seen, totals.bytes.captured);
		}),
	);
