/** A sink: batches as JSON to an HTTP endpoint. Says what may be offered again (5xx, 408, 429, no answer) and what never. */
import { Permanent, Retryable, type SinkPlugin, toJson, z } from "polytap";

const config = z.strictObject({
	url: z.url().describe("Where to POST batches: a JSON array of exchange records."),
	max_in_flight: z.int().min(1).default(1).describe("How many requests may be under way; 1 keeps the order."),
});

const RETRYABLE = new Set([408, 425, 429]);

const webhook: SinkPlugin<z.output<typeof config>> = {
	api: 1,
	kind: "sink",
	type: "webhook",
	summary: "POSTs batches as JSON to an HTTP endpoint.",
	config,
	create({ url, max_in_flight }) {
		let posted = 0;
		return {
			maxInFlight: max_in_flight,
			async open() {},
			async write(batch, signal) {
				// serialised at once: the records are not ours any more when this settles
				const body = `[${batch.map((exchange) => toJson(exchange)).join(",")}]`;
				let status: number;
				try {
					// no connection of its own is kept, so there is nothing to close
					const headers = { "content-type": "application/json", connection: "close" };
					const response = await fetch(url, { method: "POST", body, headers, signal });
					status = response.status;
					await response.arrayBuffer();
				} catch (error) {
					throw new Retryable(`${url} did not answer`, { cause: error });
				}
				if (status >= 500 || RETRYABLE.has(status)) throw new Retryable(`${url} answered ${status}`);
				if (status >= 300) throw new Permanent(`${url} answered ${status}`);
				posted += batch.length;
			},
			async close() {},
			counters: () => ({ exchanges_posted: posted }),
		};
	},
};

export default webhook;
