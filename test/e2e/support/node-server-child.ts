/** Runs as a process of its own: an HTTP server of Node.js that answers like the nginx of these tests. */
import { createWriteStream } from "node:fs";
import { createServer } from "node:http";

const [port, logFile] = process.argv.slice(2);
const log = createWriteStream(logFile!);
const small = "polytap ".repeat(12);

const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, (request, response) => {
	const chunks: Buffer[] = [];
	request.on("data", (chunk: Buffer) => chunks.push(chunk));
	request.on("end", () => {
		const body = request.url === "/small" ? Buffer.from(small) : Buffer.concat(chunks);
		response.writeHead(200, { "content-type": "text/plain", "content-length": body.length });
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
});
server.listen({ port: Number(port), host: "::", backlog: 4096 }, () => process.stderr.write("listening\n"));

process.once("SIGTERM", () => {
	server.close();
	server.closeAllConnections();
	log.end(() => process.exit(0));
});
