/** What deploy/ holds, as the programs that read it understand it. Where such a program is not there, that is said loudly. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";

const DEPLOY = new URL("../../../deploy/", import.meta.url);
const pathOf = (name: string) => new URL(name, DEPLOY).pathname;

function run(command: string, args: readonly string[]): { readonly code: number | null; readonly text: string } | null {
	const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 300_000 });
	if (error !== undefined && "code" in error && error.code === "ENOENT") return null;
	return { code: status, text: `${stdout}${stderr}${error?.message ?? ""}` };
}

function skip(what: string, why: string): void {
	process.stderr.write(`SKIPPED ${what}: ${why}\n`);
}

test("the manifests hold against the schemas of Kubernetes, and a misspelt key does not", (t) => {
	const manifest = pathOf("kubernetes/daemonset.yaml");
	const judged = run("kubernetes-validate", ["--strict", manifest]);
	if (judged === null) {
		skip("manifests", "kubernetes-validate is not installed (pip install kubernetes-validate)");
		t.pass();
		return;
	}
	t.is(judged.code, 0, judged.text);
	t.is(judged.text.match(/passed for resource/g)?.length, 5, judged.text);
	const folder = mkdtempSync(join(tmpdir(), "polytap-deploy-"));
	try {
		const wrong = join(folder, "wrong.yaml");
		writeFileSync(wrong, readFileSync(manifest, "utf8").replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"));
		t.regex(run("kubernetes-validate", ["--strict", wrong])!.text, /'readOnlyRootFileSystem' was unexpected/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("systemd takes each line of the unit", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "polytap-deploy-"));
	try {
		const text = readFileSync(pathOf("polytap.service"), "utf8").replaceAll("/usr/bin/polytap", process.execPath);
		const unit = join(folder, "polytap.service");
		writeFileSync(unit, text);
		const judged = run("systemd-analyze", ["verify", "--recursive-errors=no", "--man=no", unit]);
		if (judged === null) {
			skip("systemd unit", "systemd-analyze is not installed");
			t.pass();
			return;
		}
		t.is(judged.code, 0, judged.text);
		writeFileSync(unit, text.replace("WatchdogSec=", "WatchdogSecs="));
		const wrong = run("systemd-analyze", ["verify", "--recursive-errors=no", "--man=no", unit])!;
		t.regex(wrong.text, /Unknown key .*'WatchdogSecs'/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});
