/** A server of the test's own that does what a real one cannot be made to do. HTTPS on a loopback port. */
import "reflect-metadata";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import type { ExecutionContext } from "ava";
import type { FeedTimes } from "../../../core/kubernetes/pod-feed.js";
import type { PodObject } from "../../../core/kubernetes/pod-object.js";

export const TIMES: FeedTimes = {
	answerMs: 2_000,
	firstRetryMs: 20,
	longestRetryMs: 40,
	soundMs: 300,
	watchMs: 60_000,
};
export const TOKEN = "a-token-of-the-test";

export type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface FakeServer {
	readonly url: string;
	readonly caFile: string;
	readonly tokenFile: string;
	/** Paths and queries that were asked for. */
	readonly asked: URL[];
	/** By the requests' `authorization`. */
	readonly credentials: (string | undefined)[];
	/** The next answers, in order; the last one again and again. */
	answers: Answer[];
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function certificate(): Promise<{ cert: string; key: string }> {
	const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
	const made = await X509CertificateGenerator.createSelfSigned({
		name: "CN=localhost",
		notAfter: new Date(Date.now() + 86_400_000),
		signingAlgorithm: algorithm,
		keys,
		extensions: [new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
	});
	const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
	return { cert: made.toString("pem"), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}
const pair = certificate();

export async function fakeServer(t: ExecutionContext, ...answers: Answer[]): Promise<FakeServer> {
	const { cert, key } = await pair;
	const folder = await mkdtemp(join(tmpdir(), "polytap-test-"));
	const [caFile, tokenFile] = [join(folder, "ca.pem"), join(folder, "token")];
	await writeFile(caFile, cert);
	await writeFile(tokenFile, `${TOKEN}\n`);
	const server = createServer({ cert, key }, (request, response) => {
		const url = new URL(request.url ?? "/", "https://x");
		fake.asked.push(url);
		fake.credentials.push(request.headers.authorization);
		const answer = fake.answers.length > 1 ? fake.answers.shift()! : fake.answers[0]!;
		answer(request, response, url);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const fake: FakeServer = { url, caFile, tokenFile, asked: [], credentials: [], answers };
	t.teardown(async () => {
		server.close();
		server.closeAllConnections();
		await rm(folder, { recursive: true });
	});
	return fake;
}

export const json =
	(value: unknown, status = 200): Answer =>
	(_, response) => {
		response.writeHead(status, { "content-type": "application/json" });
		response.end(JSON.stringify(value));
	};
export const status = (code: number): Answer => json({ kind: "Status", code }, code);
export const text =
	(body: string): Answer =>
	(_, response) =>
		void response.end(body);
/** Takes the request and says nothing. */
export const silence: Answer = () => {};
export const drop: Answer = (request) => void request.socket.destroy();
/** A body without an end. */
export const endless: Answer = (_, response) => {
	const more = () => {
		while (!response.destroyed && response.write(" ".repeat(65_536)));
	};
	response.on("drain", more);
	more();
};

export const list = (items: readonly unknown[], resourceVersion = "1", more = ""): Answer =>
	json({ kind: "PodList", metadata: { resourceVersion, continue: more }, items });

export function pod(name: string, more: Partial<PodObject["metadata"]> = {}): PodObject {
	return {
		metadata: { uid: `uid-${name}`, name, namespace: "shop", resourceVersion: "2", ...more },
		spec: { nodeName: "node-1" },
		status: {},
	};
}

/** Resolves when it holds; rejects after 10 s. */
export async function until(holds: () => boolean): Promise<void> {
	for (const deadline = Date.now() + 10_000; !holds(); await delay(5))
		if (Date.now() > deadline) throw new Error(`not in 10 s: ${holds}`);
}
