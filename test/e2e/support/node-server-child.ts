/** Runs as a process of its own: an HTTP server of Node.js that answers like the nginx of these tests. */
import { createWriteStream, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";

const [port, logFile, key, certificate] = process.argv.slice(2);
const log = createWriteStream(logFile!);
const small = "polytap ".repeat(12);

function answer(request: IncomingMessage, response: ServerResponse): void;
function answer(request: Http2ServerRequest, response: Http2ServerResponse): void;
function answer(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void {
	const chunks: Buffer[] = [];
	request.on("data", (chunk: Buffer) => chunks.push(chunk));
	request.on("end", () => {
		const body = request.url === "/small" ? Buffer.from(small) : Buffer.concat(chunks);
		response.statusCode = 200;
		response.setHeader("content-type", "text/plain");
		response.setHeader("content-length", body.length);
		response.end(body);
	});
	let done = false;
	response.on("finish", () => {
		done = true;
		log.write(`${request.url} 200 OK\n`);
	});
	response.on("close", () => {
		if (!done) log.write(`${request.url} 499 \n`);
	});
}

const server =
	key === undefined || certificate === undefined
		? createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, answer)
		: createSecureServer(
				{ key: readFileSync(key), cert: readFileSync(certificate), allowHTTP1: true },
				answer as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
			);
server.listen({ port: Number(port), host: "::", backlog: 4096 }, () => process.stderr.write("listening\n"));

process.once("SIGTERM", () => {
	server.close();
	if ("closeAllConnections" in server) server.closeAllConnections();
	log.end(() => process.exit(0));
});
