/** Ids of traces, where they are asked for: from SLF4J's MDC, and from OpenTelemetry's current span. */
import { existsSync } from "node:fs";
import test from "ava";
import {
	checkBothEnds,
	findJdks,
	JavaPrograms,
	jars,
	mavenJar,
	missingJava,
	startJavaCapture,
	stopCleanly,
} from "./support/java.js";
import { withScope } from "./support/scope.js";

const COUNT = 4;
// the one of SLF4J's bindings in Debian that keeps an MDC
const MDC = jars("slf4j-api", "slf4j-jdk14");
const OPENTELEMETRY = [
	mavenJar("io.opentelemetry", "opentelemetry-api", "1.38.0"),
	mavenJar("io.opentelemetry", "opentelemetry-context", "1.38.0"),
];

for (const { name, files, classpath, traces } of [
	{ name: "SLF4J's MDC", files: ["Traces"], classpath: MDC, traces: true },
	{ name: "SLF4J's MDC, not asked for", files: ["Traces"], classpath: MDC, traces: false },
	{ name: "OpenTelemetry", files: ["Spans", "Traces"], classpath: [...MDC, ...OPENTELEMETRY], traces: true },
]) {
	const lacking =
		missingJava() ?? classpath.filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ?? null;
	if (lacking !== null) console.error(`SKIPPED, traces of ${name}: ${lacking}`);
	const live = lacking === null ? test.serial : test.serial.skip;
	live(`traces of ${name}`, (t) =>
		withScope(async (scope) => {
			const sources = ["Https.java", ...files.map((file) => `${file}.java`)];
			const programs = await JavaPrograms.compile(scope, sources, classpath);
			const capture = await startJavaCapture(scope, { jvm: { traces } });
			await programs.run(findJdks()[0]!, capture.agent, [files[0]!, programs.keyStore, String(COUNT)]);
			const exchanges = await stopCleanly(t, capture);
			checkBothEnds(t, exchanges);
			const told = exchanges.map(({ request, annotations }) => [
				request?.attributes["url.path"],
				annotations.trace_id,
				annotations.span_id,
			]);
			const hex = (i: number, digits: number) => (traces && i > 0 ? i.toString(16).padStart(digits, "0") : undefined);
			t.deepEqual(
				told.sort(),
				Array.from({ length: COUNT }, (_, i) => [`/traces/${i}`, hex(i, 32), hex(i && i + 256, 16)]),
			);
		}),
	);
}
