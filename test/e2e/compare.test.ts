/** `polytap compare` as a team that leaves sidecars meets it: live parity, what was lost is named, exit codes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIXED_NEEDS, startMixedServers } from "./support/mixed-traffic.js";
import { needing } from "./support/needing.js";
import { compareLive } from "./support/parity.js";
import { CLI } from "./support/polytap.js";
import { missingPostgresql } from "./support/postgresql.js";
import { Program } from "./support/program.js";
import { withScope } from "./support/scope.js";

const EACH = 200;
const live = missingPostgresql() === null ? needing("bpf", ...MIXED_NEEDS) : needing("postgresql");

live("eBPF against the sidecar, HTTP/1.1, HTTP/2, PostgreSQL and Redis: every exchange matched and equal", (t) =>
	withScope(async (scope) => {
		const servers = await startMixedServers(scope);
		const { code, report, stdout, stderr } = await compareLive(scope, servers, { each: EACH });
		const [pair] = report.pairs;
		t.log(stdout);
		t.is(report.parity, 100, `${stdout}${stderr}`);
		t.is(code, 0);
		t.true(pair!.matched >= EACH * 4);
		t.deepEqual(report.sources.map(({ name }) => name).sort(), ["ebpf", "sidecar-legacy"]);
		for (const protocol of ["http/1.1", "http/2", "postgresql", "redis"])
			for (const { protocols } of report.sources) t.true((protocols[protocol] ?? 0) >= EACH, protocol);
	}),
);

live("the same over TLS: what the relays open, against probes in the servers' libraries", (t) =>
	withScope(async (scope) => {
		const servers = await startMixedServers(scope, { tls: true });
		const { code, report, stdout, stderr } = await compareLive(scope, servers, { each: EACH });
		t.log(stdout);
		t.is(report.parity, 100, `${JSON.stringify(report.pairs)}${stdout}${stderr}`);
		t.is(code, 0);
		t.true(report.pairs[0]!.matched >= EACH * 4);
		for (const protocol of ["http/1.1 tls", "http/2 tls", "postgresql tls", "redis tls"])
			for (const { protocols } of report.sources) t.true((protocols[protocol] ?? 0) >= EACH, protocol);
	}),
);

live("records that eBPF throws away on purpose: below the wanted parity, each miss and each gap with its cause", (t) =>
	withScope(async (scope) => {
		const servers = await startMixedServers(scope);
		const ebpf = { test_fault_drop_one_in: 40, test_fault_drop_end: "server" };
		const { code, report } = await compareLive(scope, servers, { each: EACH, ebpf, args: ["--parity", "99.9"] });
		t.is(code, 4);
		t.true(report.parity < 100);
		const [pair] = report.pairs;
		t.true(pair!.differing + pair!.missingInA.count + pair!.missingInB.count > 0);
		t.falsy(pair!.missingInA.byCause.unknown, JSON.stringify(pair!.missingInA.byCause));
		t.falsy(pair!.missingInB.byCause.unknown, JSON.stringify(pair!.missingInB));
	}),
);

needing()("files: nothing to compare with, a file that is not there, a format that nobody knows", (t) =>
	withScope(async (scope) => {
		const folder = await scope.folder();
		const empty = join(folder, "empty.jsonl");
		await writeFile(empty, "");
		for (const [args, code, says] of [
			[[], 2, /USAGE/],
			[[empty], 2, /USAGE/],
			[[empty, join(folder, "none.jsonl")], 1, /CAPTURE_UNREADABLE/],
			[[empty, empty, "-f", "pdf"], 2, /USAGE/],
			[[empty, empty, "--parity", "101"], 2, /USAGE/],
			[[empty, empty], 4, /^$/],
			[[empty, empty, "--parity", "0", "-f", "html"], 0, /^$/],
		] as const) {
			const program = new Program(process.execPath, [CLI, "compare", ...args]);
			const exit = await program.exited;
			t.is(exit.code, code, args.join(" "));
			t.regex(program.stderr, says, args.join(" "));
		}
	}),
);
