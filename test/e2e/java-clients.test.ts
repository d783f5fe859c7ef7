/** One call of an application is several requests on the wire: the records say which belong together, and why. */
import { existsSync } from "node:fs";
import test from "ava";
import { findJdks, JavaPrograms, jars, missingJava, RUN_MS, startJavaCapture, stopCleanly } from "./support/java.js";
import { withScope } from "./support/scope.js";

const CLASSPATH = jars(
	...["httpclient", "httpcore", "commons-logging", "commons-codec", "httpclient5", "httpcore5", "httpcore5-h2"],
	...["slf4j-api", "slf4j-nop", "okhttp", "okio"],
);
const lacking =
	missingJava() ?? CLASSPATH.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ?? null;
if (lacking !== null) console.error(`SKIPPED, attempts of Java's HTTP clients are not tested: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

const CLIENTS = ["httpclient4", "httpclient5", "okhttp", "java.net.http"];
const RETRYING = ["httpclient4", "httpclient5"];

for (const jdk of findJdks())
	live(`JDK ${jdk.version}: redirections and repetitions of ${CLIENTS.join(", ")}`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java", "Attempts.java"], CLASSPATH);
			const capture = await startJavaCapture(scope);
			const server = programs.start(jdk, null, ["Attempts", "serve", programs.keyStore]);
			scope.defer(() => server.stop("SIGKILL"));
			await server.until(() => server.stdout.includes("port "), RUN_MS);
			const port = /port (\d+)/.exec(server.stdout)?.[1] ?? "";
			const stdout = await programs.run(jdk, capture.agent, ["Attempts", port]);
			t.is(stdout.match(/"status":200/g)?.length, CLIENTS.length + RETRYING.length, stdout);
			const exchanges = await stopCleanly(t, capture);
			const asked = (path: string) =>
				exchanges
					.filter(({ request }) => request?.attributes["url.path"] === path)
					.sort((a, b) => a.startedAt.localeCompare(b.startedAt))
					.map(({ annotations }) => annotations);
			const calls = new Set<unknown>();
			for (const client of CLIENTS) {
				const [from, ...more] = asked(`/${client}/redirect`);
				const [to, ...others] = asked(`/${client}/there`);
				t.deepEqual([more, others], [[], []], client);
				t.is(from?.["java.http.client"], client);
				t.is(to?.["java.http.client"], client);
				t.is(from?.["http.request.resend_count"], undefined);
				t.is(to?.["http.request.resend_count"], 1, client);
				t.is(from?.["java.http.call"], to?.["java.http.call"]);
				calls.add(from?.["java.http.call"]);
				if (client === "java.net.http") continue;
				t.is(to?.["java.http.redirects"], 1, client);
				t.is(to?.["java.retry.attempt"], 1, client);
				for (const each of [from, to]) {
					t.is(each?.["java.pool.name"], client);
					t.true(Number(each?.["java.pool.wait_us"]) >= 0, client);
				}
			}
			for (const client of RETRYING) {
				const attempts = asked(`/${client}/flaky`);
				t.deepEqual(
					attempts.map((annotations) => [
						annotations["java.retry.attempt"],
						annotations["http.request.resend_count"],
						annotations["java.http.redirects"],
					]),
					[
						[1, undefined, undefined],
						[2, 1, undefined],
					],
					client,
				);
				t.is(attempts[0]?.["java.http.call"], attempts[1]?.["java.http.call"]);
				calls.add(attempts[0]?.["java.http.call"]);
			}
			t.is(calls.size, CLIENTS.length + RETRYING.length, "each call has a number of its own");
		}),
	);
