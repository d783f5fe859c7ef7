/** eBPF and the sidecar on the same traffic: one record each way, both observers, legs linked; and their parity. */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { needing } from "./support/needing.js";
import { missing } from "./support/needs.js";
import { startNginx } from "./support/nginx.js";
import { freePort } from "./support/port.js";
import { withScope } from "./support/scope.js";
import { legOf, sha256, startSidecar } from "./support/sidecar.js";

const EXCHANGES = 60;

/** One connection after the other, or kept alive. */
async function post(port: number, path: string, body: Buffer, agent: Agent): Promise<string> {
	return new Promise((resolve, reject) => {
		const call = request({
			port,
			host: "127.0.0.1",
			method: "POST",
			path,
			agent,
			headers: { "content-length": body.length },
		});
		call.on("error", reject);
		call.on("response", (response) => {
			const pieces: Buffer[] = [];
			response.on("data", (piece: Buffer) => pieces.push(piece));
			response.on("end", () => resolve(sha256(Buffer.concat(pieces))));
		});
		call.end(body);
	});
}

needing("nginx", ...(missing("bpf") === null ? [] : ["bpf"]))(
	"eBPF and the sidecar together: one record for each leg, observed by both, legs linked",
	(t) =>
		withScope(async (scope) => {
			const nginx = await startNginx(scope);
			const relay = await freePort();
			const sidecar = await startSidecar(scope, {
				source: { listen: `127.0.0.1:${relay}`, upstream: `127.0.0.1:${nginx.port}` },
				sources: { node: { type: "ebpf", targets: [{ ports: [nginx.port, relay] }], vantage: "both" } },
				// on a machine that is busy with other things a source may be far behind the other
				capture: { correlation_window_ms: 10_000 },
			});
			const agents = [new Agent({ keepAlive: true, maxSockets: 2 }), new Agent({ keepAlive: false })];
			scope.defer(() => {
				for (const agent of agents) agent.destroy();
			});
			for (let n = 0; n < EXCHANGES; n++) {
				const body = randomBytes(n * 100);
				t.is(await post(relay, `/echo/${n}`, body, agents[n % 2]!), sha256(body));
			}
			const { exchanges, totals } = await sidecar.stop();
			const echoes = exchanges.filter(({ kind }) => kind === "exchange");
			t.is(echoes.length, EXCHANGES * 2);
			const byId = new Map(echoes.map((x) => [x.id, x]));
			for (const leg of ["downstream", "upstream"] as const) {
				const records = echoes.filter(legOf(leg));
				t.is(records.length, EXCHANGES);
				for (const x of records) {
					t.deepEqual(
						x.observedBy.map(({ type }) => type).sort(),
						["ebpf", "sidecar-legacy"],
						`${leg} ${x.summary.operation}`,
					);
					t.is(x.idScope, "network");
					t.is(x.response?.body.completeness, "complete");
					const other = byId.get(String(x.annotations["proxy.other_leg"]));
					t.is(other?.summary.operation, x.summary.operation);
					t.not(other?.annotations["proxy.leg"], leg);
					t.true(Number(x.annotations["proxy.added_us"]) >= 0);
				}
			}
			t.is(totals.engine.correlation_merged, EXCHANGES * 2);
			t.is(totals.engine.correlation_legs_linked, EXCHANGES);
			t.is(totals.engine.correlation_late, 0);
		}),
);
