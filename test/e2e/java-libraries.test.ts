/** Libraries that Java services are made of: every exchange whole, at both ends, without one error of a hook. */

import { existsSync } from "node:fs";
import test from "ava";
import {
	bodySha256,
	checkBothEnds,
	findJdks,
	JavaPrograms,
	jars,
	mavenJar,
	missingJava,
	nettyNative,
	saidBy,
	startJavaCapture,
	stopCleanly,
	TCNATIVE,
} from "./support/java.js";
import { withScope } from "./support/scope.js";

interface Library {
	readonly name: string;
	readonly file: string;
	readonly classpath: readonly string[];
	readonly args: (keyStore: string) => readonly string[];
	readonly exchanges: number;
	/** Of one of the ends; else SunJSSE. */
	readonly providers?: readonly string[];
	/** Folder of native libraries, made for it. */
	readonly native?: true;
	readonly options?: readonly string[];
}

const NETTY = jars(
	...["common", "buffer", "transport", "handler", "codec", "codec-http", "resolver"].map((part) => `netty-${part}`),
	"netty-transport-native-unix-common",
	"netty-transport-native-epoll",
	"netty-tcnative",
);
const LIBRARIES: readonly Library[] = [
	{
		name: "OkHttp",
		file: "OkHttpClients.java",
		classpath: jars("okhttp", "okio"),
		args: (keyStore) => ["OkHttpClients", keyStore, "10"],
		exchanges: 10,
	},
	{
		name: "Apache HttpClient 4, 5 and 5 asynchronous",
		file: "ApacheClients.java",
		classpath: jars(
			...["httpclient", "httpcore", "commons-logging", "commons-codec", "httpclient5", "httpcore5", "httpcore5-h2"],
			"slf4j-api",
			"slf4j-nop",
		),
		args: (keyStore) => ["ApacheClients", keyStore, "7"],
		exchanges: 21,
	},
	{
		name: "Tomcat",
		file: "TomcatServer.java",
		classpath: jars("tomcat10-embed-core", "tomcat10-annotations-api"),
		args: (keyStore) => ["TomcatServer", keyStore, "10"],
		exchanges: 20,
	},
	{
		name: "Jetty",
		file: "JettyServer.java",
		classpath: jars(
			...["server", "util", "http", "io", "alpn-server", "alpn-java-server"].map((part) => `jetty9-${part}`),
			...["http2-server", "http2-common", "http2-hpack"].map((part) => `jetty9-${part}`),
			"servlet-api",
		),
		args: (keyStore) => ["JettyServer", keyStore, "10"],
		exchanges: 20,
	},
	{
		name: "java.net.http with Bouncy Castle's TLS",
		file: "BouncyCastle.java",
		classpath: jars("bctls", "bcprov"),
		args: (keyStore) => ["BouncyCastle", keyStore, "10"],
		exchanges: 10,
		providers: ["BCJSSE", "SunJSSE"],
	},
	{
		name: "java.net.http with Conscrypt",
		file: "ConscryptClient.java",
		classpath: [mavenJar("org.conscrypt", "conscrypt-openjdk", "2.5.2", "linux-x86_64")],
		args: (keyStore) => ["ConscryptClient", keyStore, "10"],
		exchanges: 10,
		providers: ["Conscrypt", "SunJSSE"],
	},
	{
		name: "Netty with the JDK's TLS",
		file: "NettyPair.java",
		classpath: NETTY,
		args: (keyStore) => ["NettyPair", "JDK", keyStore, "10"],
		exchanges: 10,
	},
	{
		name: "Netty with OpenSSL",
		file: "NettyPair.java",
		classpath: NETTY,
		args: (keyStore) => ["NettyPair", "OPENSSL", keyStore, "10"],
		exchanges: 10,
		providers: ["netty-openssl"],
		native: true,
	},
	{
		name: "Netty over its own epoll, which has no channel of the JDK",
		file: "NettyPair.java",
		classpath: [...NETTY, mavenJar("io.netty", "netty-transport-native-epoll", "4.1.48.Final", "linux-x86_64")],
		args: (keyStore) => ["NettyPair", "JDK", keyStore, "10"],
		exchanges: 10,
		options: ["-Depoll=true"],
	},
];

const lacking = missingJava();
const say = (what: string, why: string) => console.error(`SKIPPED, Java and ${what}: ${why}`);
const jdk = findJdks()[0];

for (const library of LIBRARIES) {
	const absent = [...library.classpath, ...(library.native ? [TCNATIVE] : [])].find((path) => !existsSync(path));
	const why = lacking ?? (absent === undefined ? null : `there is no ${absent}`);
	if (why !== null) say(library.name, why);
	const live = why === null && jdk !== undefined ? test.serial : test.serial.skip;
	live(`${library.name}: every exchange at both ends`, (t) =>
		withScope(async (scope) => {
			const programs = await JavaPrograms.compile(scope, ["Https.java", library.file], library.classpath);
			const options = [...(library.options ?? [])];
			if (library.native) options.push(`-Djava.library.path=${await nettyNative(programs)}`);
			const capture = await startJavaCapture(scope);
			const said = saidBy(await programs.run(jdk!, capture.agent, library.args(programs.keyStore), options));
			const exchanges = await stopCleanly(t, capture);
			t.is(said.length, library.exchanges);
			checkBothEnds(
				t,
				exchanges.filter(({ kind }) => kind === "exchange"),
			);
			for (const each of said) {
				const found = exchanges.filter(({ request }) => request?.attributes["url.path"] === each.path);
				t.is(found.length, 1, each.path);
				const [exchange] = found;
				if (exchange === undefined) continue;
				t.is(exchange.response?.attributes["http.response.status_code"], each.status);
				t.is(bodySha256(exchange.request), each.sent, each.path);
				t.is(bodySha256(exchange.response), each.got, each.path);
				const provider = String(exchange.annotations["java.tls.provider"]);
				t.true((library.providers ?? ["SunJSSE"]).includes(provider), provider);
			}
		}),
	);
}
