/** What is refused before anything is done. Real JVMs are in test/e2e. */
import { spawn } from "node:child_process";
import test from "ava";
import { attach, isSuccess } from "../../../sources/java-agent/attach/attach.js";

const options = { jar: process.execPath, listen: "unix:/run/x.sock", tokenFile: null, copies: false };

test("success is the agent's own 0 and nothing else", (t) => {
	t.true(isSuccess("0\nreturn code: 0\n"));
	t.true(isSuccess("0\n0\n"), "as Java 8 says it");
	t.false(isSuccess("0\nreturn code: -1\n"));
	t.false(isSuccess("0\nreturn code: 0\nand more\n"));
	t.false(isSuccess("0\nAgent JAR not found or no Agent-Class attribute\n"), "as Java 21 says it");
	t.false(isSuccess("0\n"));
	t.false(isSuccess("100\nreturn code: 0\n"));
	t.false(isSuccess("return code: 0\n"));
	t.false(isSuccess(""));
});

test("a process that is no JVM is left alone, and so is one that is not there", async (t) => {
	const sleeper = spawn("sleep", ["30"]);
	const ended = new Promise((resolve) => sleeper.once("exit", (_, signal) => resolve(signal)));
	await t.throwsAsync(attach(sleeper.pid!, options), { code: "JAVA_ATTACH_REFUSED", message: /no JVM/ });
	sleeper.kill("SIGTERM");
	t.is(await ended, "SIGTERM", "it lived until now");
	await t.throwsAsync(attach(0x3f_ff_ff, options), { code: "JAVA_ATTACH_REFUSED", message: /no such process/ });
	await t.throwsAsync(attach(process.pid, { ...options, listen: "a,b" }), { code: "JAVA_ATTACH_REFUSED" });
});
