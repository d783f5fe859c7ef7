/** Section `kubernetes` of the config. */
import { z } from "zod";

const label = z
	.string()
	.min(1)
	.max(317)
	.regex(/^[A-Za-z0-9*._/-]+$/, "a label is letters, digits, - _ . and /; `*` stands for any of them");

export const kubernetesSchema = z
	.strictObject({
		source: z
			.enum(["api-server", "kubelet"])
			.describe(
				"Who is asked for the pods of this node: the API server, which tells every change at once, or the node's own kubelet.",
			),
		node_name: z
			.string()
			.min(1)
			.max(253)
			.regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, "is not the name of a node")
			.optional()
			.describe("This node's name in the cluster. Nothing: the variable NODE_NAME, else the name of the host."),
		kubeconfig: z
			.string()
			.min(1)
			.optional()
			.describe("Of the API server: a kubeconfig file. Nothing: the service account of the pod that polytap runs in."),
		kubelet_url: z
			.string()
			.regex(/^https?:\/\/[^\s/?#@]+\/?$/, "must be a URL like https://10.0.0.7:10250")
			.optional()
			.describe("Of the kubelet: where it listens. Nothing: https://NODE_NAME:10250."),
		token_file: z
			.string()
			.min(1)
			.optional()
			.describe("A bearer token, read again for each request. Nothing: the service account's, where there is one."),
		ca_file: z
			.string()
			.min(1)
			.optional()
			.describe("Certificates to trust, in PEM. Nothing: the service account's, else those of Node.js."),
		insecure_skip_tls_verify: z
			.boolean()
			.default(false)
			.describe("Believe any certificate: for kubelets that signed their own. Whoever is in between gets the token."),
		labels: z
			.union([z.literal(true), z.array(label).max(100)])
			.default(true)
			.describe("Labels of the pod that records have: all of them, or those with these names (`*` for any text)."),
		refresh_secs: z
			.number()
			.min(1)
			.max(86_400)
			.default(30)
			.describe(
				"Of the kubelet: how often its list is fetched. A pod that is not in it is looked for at once, but once.",
			),
	})
	.refine(({ source, kubelet_url }) => source === "kubelet" || kubelet_url === undefined, {
		path: ["kubelet_url"],
		message: "is for `source: kubelet`",
	})
	.refine(({ source, kubeconfig }) => source === "api-server" || kubeconfig === undefined, {
		path: ["kubeconfig"],
		message: "is for `source: api-server`",
	})
	.refine(({ kubeconfig, token_file }) => kubeconfig === undefined || token_file === undefined, {
		path: ["token_file"],
		message: "the kubeconfig says who polytap is",
	})
	.refine(({ kubeconfig, ca_file }) => kubeconfig === undefined || ca_file === undefined, {
		path: ["ca_file"],
		message: "the kubeconfig says whom to trust",
	});

export type KubernetesOptions = z.output<typeof kubernetesSchema>;
