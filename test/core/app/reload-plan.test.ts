/** What a changed config makes of the one that runs: everything that differs is either applied or named. */
import test from "ava";
import { BUILTINS } from "../../../core/app/builtins.js";
import { makeConfig } from "../../../core/app/config-file.js";
import { Plugins } from "../../../core/app/plugins.js";
import { planReload } from "../../../core/app/reload-plan.js";
import { loadConfig } from "../../../core/config/load.js";
import { type Config, configSchema } from "../../../core/config/schema.js";

const base = await makeConfig({
	sources: { node: { type: "ebpf", targets: [{ ports: [80] }] } },
	sinks: { file: { type: "jsonl", path: "x" } },
});

const plan = (next: Config, now: Config = base) => planReload(now, next, BUILTINS, BUILTINS);
const record = { path: "a.rec", allow_unredacted: true, max_bytes: 2 ** 30, buffer_bytes: 2 ** 24 } as const;

test("the same config changes nothing", (t) => {
	const { applied, notApplied, config } = plan(structuredClone(base));
	t.deepEqual([applied, notApplied], [[], []]);
	t.deepEqual(config, base);
});

test("a recording that comes, goes or changes is named, and stays as it is", (t) => {
	const recorded: Config = { ...base, record };
	t.deepEqual(plan(recorded).notApplied, ["record (needs a restart)"]);
	t.is(plan(recorded).config.record, undefined);
	t.deepEqual(plan(base, recorded).notApplied, ["record (needs a restart)"]);
	t.is(plan(base, recorded).config.record, record);
	const other: Config = { ...base, record: { ...record, path: "b.rec", max_bytes: 2 ** 20 } };
	t.deepEqual(plan(other, recorded).notApplied, [
		"record.path (needs a restart)",
		"record.max_bytes (needs a restart)",
	]);
	t.is(plan(other, recorded).config.record, record);
});

test("so are metrics", (t) => {
	const next: Config = { ...base, metrics: { listen: "127.0.0.1:0", allow_remote: false } };
	t.deepEqual(plan(next).notApplied, ["metrics (needs a restart)"]);
	t.deepEqual(plan(next).config, base);
});

test("the log changes, by its options", (t) => {
	const next: Config = { ...base, log: { ...base.log, level: "warn" } };
	const { applied, notApplied, config } = plan(next);
	t.deepEqual([applied, notApplied], [["log.level"], []]);
	t.deepEqual(config, next);
});

test("a key that this plan does not know is named, and not applied", (t) => {
	const next = { ...base, novelty: { depth: 1 } };
	t.deepEqual(plan(next).notApplied, ["novelty (needs a restart)"]);
	t.false("novelty" in plan(next).config);
});

/** Another valid value for each key of the file. A key without one fails below. */
const OTHERS: Readonly<Record<string, Partial<Config>>> = {
	sources: { sources: [{ ...base.sources[0]!, options: { targets: [{ ports: [81] }] } }] },
	sinks: { sinks: [{ ...base.sinks[0]!, options: { path: "y" } }] },
	capture: { capture: { ...base.capture, max_body_bytes: 7 } },
	redact: { redact: [{ headers: ["x-a"] }] },
	log: { log: { ...base.log, format: "json" } },
	metrics: { metrics: { listen: "127.0.0.1:1", allow_remote: false } },
	kubernetes: {
		kubernetes: { source: "kubelet", insecure_skip_tls_verify: false, labels: true, refresh_secs: 30 },
	},
	record: { record },
	protocols: { protocols: [{ protocol: "grpc", ports: [], options: {}, prepared: null }] },
};

for (const key of Object.keys(configSchema.shape).filter((one) => one !== "version" && one !== "plugins"))
	test(`a change of ${key} never passes in silence`, (t) => {
		const other = OTHERS[key];
		if (other === undefined) return t.fail(`this test has no other value for ${key}`);
		const { applied, notApplied, sources } = plan({ ...base, ...other });
		t.true(applied.length + notApplied.length + sources.length > 0);
	});

const BASE = "version: 1\nsources: { f: { type: pcap, files: [x.pcap] } }\nsinks: { out: { type: blackhole } }\n";

async function configOf(text: string, proto: string): Promise<Config> {
	const { config, errors } = await loadConfig(BASE + text, new Plugins(BUILTINS), {
		file: "f.yaml",
		folder: "/etc",
		variables: {},
		readFile: async () => "",
		readBytes: async () => Buffer.from(proto),
		list: async () => [],
	});
	if (config === null) throw new Error(JSON.stringify(errors));
	return config;
}

test("options and ports of protocols, and what stands in the files that they name, wait for a restart", async (t) => {
	const text = "protocols: { grpc: { protos: [a.proto] } }\n";
	const [none, one, other] = [
		await configOf("", ""),
		await configOf(text, "message A {}"),
		await configOf(text, "message B {}"),
	];
	const more = await configOf("protocols: { grpc: { protos: [a.proto], include: [b] } }\n", "message A {}");
	const [http, ports] = [
		await configOf("protocols: { http/2: { ports: [8080] } }\n", ""),
		await configOf("protocols: { http/2: { ports: [8080, 8081] } }\n", ""),
	];
	t.deepEqual(plan(one, one).notApplied, []);
	for (const [now, next, told] of [
		[none, one, "protocols.grpc (needs a restart)"],
		[one, none, "protocols.grpc (needs a restart)"],
		[one, other, "files that protocols.grpc names (need a restart)"],
		[one, more, "protocols.grpc.include (needs a restart)"],
		[none, http, "protocols.http/2 (needs a restart)"],
		[http, ports, "protocols.http/2.ports (needs a restart)"],
	] as const) {
		const { notApplied, applied, config } = plan(next, now);
		t.deepEqual(notApplied, [told]);
		t.deepEqual(applied, []);
		t.deepEqual(config.protocols, now.protocols);
	}
});
