import { runProgram } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";

/** A network namespace of its own with nothing but loopback, removed at the end. Returns its name. */
export async function makeNetns(scope: Scope): Promise<string> {
	const name = `polytap-bench-${process.pid}`;
	await runProgram("ip", ["netns", "add", name], 10_000);
	scope.defer(() => runProgram("ip", ["netns", "delete", name], 10_000));
	await runProgram("ip", ["-n", name, "link", "set", "lo", "up"], 10_000);
	return name;
}
