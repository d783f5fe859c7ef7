/** gRPC-java over Netty and OpenSSL: each call at both ends, each message as it was sent. */
import { existsSync } from "node:fs";
import test from "ava";
import type { ExchangeMessage } from "../../core/index.js";
import {
	checkBothEnds,
	findJdks,
	JavaPrograms,
	jars,
	missingJava,
	nettyNative,
	saidBy,
	sha256,
	startJavaCapture,
	stopCleanly,
	TCNATIVE,
} from "./support/java.js";
import { withScope } from "./support/scope.js";

const CLASSPATH = jars(
	...["api", "context", "core", "netty", "stub"].map((part) => `grpc-${part}`),
	...["common", "buffer", "transport", "handler", "codec", "codec-http", "codec-http2", "resolver"].map(
		(part) => `netty-${part}`,
	),
	...["netty-transport-native-unix-common", "netty-handler-proxy", "netty-tcnative", "perfmark-api", "guava"],
);
const UNARY = 7;
const STREAMED = 3;
const NOT_FOUND = 5;

const lacking =
	missingJava() ??
	[...CLASSPATH, TCNATIVE].filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0] ??
	null;
if (lacking !== null) console.error(`SKIPPED, gRPC-java: ${lacking}`);
const live = lacking === null ? test.serial : test.serial.skip;

/** SHA-256 of each message. An empty one is shown as the protobuf message that it is. */
const told = (message: ExchangeMessage | null): string[] =>
	(message?.messages ?? []).map(({ encoding, data, bytes }) =>
		sha256(bytes === 0 ? "" : Buffer.from(String(data), encoding === "base64" ? "base64" : "utf8")),
	);

live("gRPC-java: unary calls, a stream and an error", (t) =>
	withScope(async (scope) => {
		const programs = await JavaPrograms.compile(scope, ["Https.java", "GrpcPair.java"], CLASSPATH);
		const options = [`-Djava.library.path=${await nettyNative(programs)}`];
		const capture = await startJavaCapture(scope);
		const args = ["GrpcPair", programs.keyStore, String(UNARY)];
		const said = saidBy(await programs.run(findJdks()[0]!, capture.agent, args, options));
		t.is(said.length, UNARY + STREAMED + 1);
		const calls = (await stopCleanly(t, capture))
			.filter(({ protocol, kind }) => protocol === "grpc" && kind === "exchange")
			.sort((a, b) => a.startedAt.localeCompare(b.startedAt));
		t.is(calls.length, UNARY + 2);
		checkBothEnds(t, calls);
		const saidOf = (method: string) => said.filter(({ path }) => path === `/shop.Talk/${method}`);
		const callsOf = (method: string) => calls.filter(({ request }) => request?.attributes["rpc.method"] === method);
		t.deepEqual(
			callsOf("One").map(({ request, response }) => [told(request), told(response)]),
			saidOf("One").map(({ sent, got }) => [[sent], [got]]),
		);
		const [down] = callsOf("Down");
		t.deepEqual(
			told(down?.response ?? null),
			saidOf("Down").map(({ got }) => got),
		);
		const [failed] = callsOf("Fail");
		t.is(failed?.outcome, "error");
		t.is(Number(failed?.response?.attributes["rpc.grpc.status_code"]), NOT_FOUND);
		for (const { request, annotations, connection } of calls) {
			t.is(request?.attributes["rpc.service"], "shop.Talk");
			t.is(annotations["java.tls.provider"], "netty-openssl");
			t.is(annotations["tls.next_protocol"], "h2");
			t.is(connection.server.process?.pid, connection.client.process?.pid);
		}
	}),
);
