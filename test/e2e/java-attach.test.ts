/** The agent into JVMs that run already: what can be attached to is captured from then on, what would be harmed is left alone. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { Exchange } from "../../core/index.js";
import { jvmStatus } from "../../sources/java-agent/attach/status.js";
import { findJdks, missingJava, polytapProgram, RUN_MS, startJavaCapture } from "./support/java.js";
import { withScope } from "./support/scope.js";
import { Steady } from "./support/steady.js";

const lacking = missingJava() ?? (process.platform === "linux" ? null : "it needs Linux");
if (lacking !== null) console.error(`SKIPPED, attaching to JVMs is not tested: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

for (const jdk of findJdks())
	live(
		`JDK ${jdk.version}: attached twice while it works; one that would die of SIGQUIT, or does not want it, is refused`,
		(t) =>
			withScope(async (scope) => {
				const capture = await startJavaCapture(scope);
				const start = (...options: string[]) => Steady.start(scope, jdk, null, options);
				const attach = async (pid: number) => {
					const command = polytapProgram(["java", "attach", String(pid), "--listen", capture.listen]);
					return { ...(await command.exited), stderr: command.stderr, stdout: command.stdout };
				};
				const willing = await start();
				const { pid } = willing.program;
				t.like(jvmStatus(pid), { hasAgent: false, refusal: null });
				const first = await attach(pid);
				t.is(first.code, 0, first.stderr);
				t.regex((await attach(pid)).stdout, /loaded/);
				t.like(jvmStatus(pid), { hasAgent: true, refusal: null, hint: null });
				t.is(jvmStatus(process.pid), null, "no JVM");
				const [reserved, closed] = [await start("-Xrs"), await start("-XX:+DisableAttachMechanism")];
				const xrs = await attach(reserved.program.pid);
				t.is(xrs.code, 3);
				t.regex(xrs.stderr, /JAVA_ATTACH_REFUSED.*-Xrs/);
				t.regex(String(jvmStatus(reserved.program.pid)?.refusal), /-Xrs/);
				t.regex((await attach(closed.program.pid)).stderr, /JAVA_ATTACH_REFUSED.*DisableAttachMechanism/);
				const wholeOf = (exchanges: readonly Exchange[]) =>
					exchanges.filter(({ kind, request, response }) => kind === "exchange" && request && response);
				await willing.program.until(async () => wholeOf(await capture.exchanges()).length > 5, RUN_MS);
				for (const each of [willing, reserved, closed]) t.true((await each.end()) > 0);
				const { exchanges, totals } = await capture.stop();
				const whole = wholeOf(exchanges);
				for (const { request, response } of whole) t.is(request?.body.data, response?.body.data);
				// nobody knows how the positions of two ends that were joined late relate: each end has records of its own
				const seen = whole.map(
					({ request, observedBy }) => `${observedBy[0]?.vantage} ${request?.attributes["url.path"]}`,
				);
				t.is(new Set(seen).size, whole.length, "each once at each end");
				t.like(totals.sources.jvm?.counters, { agent_hook_errors: 0, refused_params: 0 });
			}),
	);

live("a jar that the JVM does not see is refused, or copied where that is asked for", (t) =>
	withScope(async (scope) => {
		const { isSameFile } = await import("../../sources/java-agent/attach/target.js");
		const folder = await scope.folder();
		await mkdir(join(folder, "root"));
		const jar = join(folder, "agent.jar");
		await copyFile(process.execPath, jar);
		const target = { pid: 1, ownPid: 1, uid: 0, gid: 0, root: join(folder, "root"), version: "" };
		t.false(isSameFile(target, jar));
		t.true(isSameFile({ ...target, root: "" }, jar));
	}),
);
