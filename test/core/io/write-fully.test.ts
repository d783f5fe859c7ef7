import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { asWriteError, isBrokenPipe, Permanent, Retryable, writeFully } from "../../../core/index.js";

/** Beyond any limit: a number that was just closed may be somebody else's by now. */
const NEVER_OPEN = 2 ** 30;

test("writes the range that it is given", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "polytap-write-"));
	const fd = openSync(join(folder, "x"), "w");
	await writeFully(fd, Buffer.from("0123456789"), 2, 5);
	await writeFully(fd, Buffer.from("ab"));
	await writeFully(fd, Buffer.from("zz"), 1, 1);
	closeSync(fd);
	t.is(readFileSync(join(folder, "x"), "utf8"), "234ab");
	rmSync(folder, { recursive: true });
});

test("errors as delivery understands them", async (t) => {
	const fd = openSync("/dev/full", "w");
	const noSpace = await writeFully(fd, Buffer.from("x")).catch((error: unknown) => error);
	closeSync(fd);
	t.true(asWriteError(noSpace) instanceof Retryable);
	t.false(isBrokenPipe(noSpace));
	const closed = await writeFully(NEVER_OPEN, Buffer.from("x")).catch((error: unknown) => error);
	t.true(asWriteError(closed) instanceof Permanent);
	const broken = asWriteError(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
	t.true(broken instanceof Permanent);
	t.true(isBrokenPipe(broken));
	t.false(isBrokenPipe(null));
});

test("a non-blocking descriptor whose reader is slow gets all of it", async (t) => {
	const total = 3_000_000;
	let received = 0;
	const server = createServer((socket) => {
		socket.pause();
		setTimeout(() => socket.resume(), 50);
		socket.on("data", (bytes) => {
			received += bytes.length;
		});
		socket.on("end", () => server.close());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("no port");
	const { connect } = await import("node:net");
	const socket: Socket = connect(address.port, "127.0.0.1");
	await new Promise((resolve) => socket.once("connect", resolve));
	const fd = (socket as Socket & { _handle: { fd: number } })._handle.fd;
	await writeFully(fd, Buffer.alloc(total, "x"));
	socket.end();
	await new Promise((resolve) => server.once("close", resolve));
	t.is(received, total);
});
