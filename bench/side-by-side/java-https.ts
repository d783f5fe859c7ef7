/** A Java service that encrypts by itself: the workload of the `java-agent` mode. */
import { findJdks, JavaPrograms } from "../../test/e2e/support/java.js";
import { runProgram } from "../../test/e2e/support/program.js";
import { counted } from "./counted.js";
import { runH2load } from "./h2load.js";
import type { App, AppStart } from "./workloads.js";

const BYTES = 200;
/** The optimising compiler needs some thousand requests. */
const LEAST_WARM_UP_SECONDS = 4;
const OPTIONS = ["-XX:TieredStopAtLevel=4", "-Xmx256m"];

let compiled: Promise<JavaPrograms> | null = null;

/** `whole`: what is compiled is kept for all cells. */
export async function startJavaHttps({ scope, whole, instances, agentSocket }: AppStart): Promise<App> {
	if (instances !== 1) throw new Error("Java is shown with one instance");
	compiled ??= JavaPrograms.compile(whole, ["../../../bench/java/Serve.java"]);
	const programs = await compiled;
	const folder = await scope.folder();
	const listen = agentSocket === null ? null : `unix:${agentSocket}`;
	const server = programs.start(findJdks()[0]!, listen, ["Serve", programs.keyStore, String(BYTES)], OPTIONS);
	scope.defer(() => server.stop("SIGKILL"));
	await server.until(() => /^port \d+$/m.test(server.stdout), 30_000);
	const port = Number(/^port (\d+)$/m.exec(server.stdout)?.[1]);
	return {
		ports: [port],
		async load([at], seconds, isWarmUp) {
			const url = `https://127.0.0.1:${at}/${isWarmUp ? "warm" : "load"}`;
			return runH2load(folder, isWarmUp ? Math.max(seconds, LEAST_WARM_UP_SECONDS) : seconds, ["--h1", "-c8", url]);
		},
		async seen(files) {
			const { stdout } = await runProgram("curl", ["-sSk", "-m", "10", `https://127.0.0.1:${port}/count`], 15_000);
			return counted(files, Number(stdout), (line) => line.includes('"/load"') && line.includes('"outcome":"ok"'));
		},
	};
}
