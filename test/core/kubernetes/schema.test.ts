import test from "ava";
import { BUILTINS } from "../../../core/app/builtins.js";
import { Plugins } from "../../../core/app/plugins.js";
import { formatError, loadConfig } from "../../../core/config/load.js";
import { nowhere } from "../../../core/config/world.js";

const file = (section: string) => `version: 1
kubernetes: { ${section} }
sources:
  node: { type: ebpf, targets: [{ ports: [8080] }] }
sinks:
  out: { type: blackhole }
`;

test("defaults", async (t) => {
	const { config, errors } = await loadConfig(file("source: api-server"), new Plugins(BUILTINS));
	t.deepEqual(errors, []);
	t.deepEqual(config?.kubernetes, {
		source: "api-server",
		insecure_skip_tls_verify: false,
		labels: true,
		refresh_secs: 30,
	});
	t.notThrows(() => structuredClone(config));
	const without = await loadConfig(file("").replace(/kubernetes.*\n/, ""), new Plugins(BUILTINS));
	t.is(without.config?.kubernetes, undefined);
});

const cases: readonly (readonly [section: string, expected: string])[] = [
	["", 'f.yaml:2:1: kubernetes: "source" is required'],
	[
		"source: kublet",
		'f.yaml:2:23: kubernetes.source: expected api-server or kubelet, got "kublet" (did you mean "kubelet"?)',
	],
	["source: kubelet, lables: []", 'f.yaml:2:32: kubernetes: unknown key "lables" (did you mean "labels"?)'],
	["source: kubelet, kubeconfig: x", 'f.yaml:2:44: kubernetes.kubeconfig: is for `source: api-server`, got "x"'],
	[
		"source: api-server, kubelet_url: 'https://x:10250'",
		'f.yaml:2:48: kubernetes.kubelet_url: is for `source: kubelet`, got "https://x:10250"',
	],
	[
		"source: kubelet, kubelet_url: 'ftp://x'",
		'f.yaml:2:45: kubernetes.kubelet_url: must be a URL like https://10.0.0.7:10250, got "ftp://x"',
	],
	[
		"source: api-server, kubeconfig: a, token_file: b",
		'f.yaml:2:62: kubernetes.token_file: the kubeconfig says who polytap is, got "b"',
	],
	["source: kubelet, node_name: 'a b'", 'f.yaml:2:43: kubernetes.node_name: is not the name of a node, got "a b"'],
	[
		"source: kubelet, refresh_secs: 0",
		"f.yaml:2:46: kubernetes.refresh_secs: too small: expected number to be >=1, got 0",
	],
];
for (const [section, expected] of cases)
	test(`config: ${section === "" ? "nothing" : section}`, async (t) => {
		const { errors } = await loadConfig(file(section), new Plugins(BUILTINS), nowhere("f.yaml"));
		t.deepEqual(
			errors.map((error) => formatError(error)),
			[expected],
		);
	});
