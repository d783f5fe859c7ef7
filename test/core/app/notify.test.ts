import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import koffi from "koffi";
import { notifyManager } from "../../../core/app/notify.js";

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, unsigned int length)");
const recv = libc.func("int64_t recv(int fd, _Out_ void *data, size_t length, int flags)");
const close = libc.func("int close(int fd)");

const MSG_DONTWAIT = 0x40;

/** A bound datagram socket, as a service manager has one. */
function manager(name: string): number {
	const fd: number = socket(1, 2, 0);
	const path = Buffer.from(name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`);
	const address = Buffer.concat([Buffer.from([1, 0]), path]);
	if (bind(fd, address, address.length) !== 0) throw new Error("cannot bind");
	return fd;
}

function received(fd: number): string {
	const buffer = Buffer.alloc(64);
	const length: number = recv(fd, buffer, buffer.length, MSG_DONTWAIT);
	return buffer.toString("latin1", 0, Math.max(0, length));
}

test("a manager behind a path, and one in the abstract namespace, hear it", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "polytap-notify-"));
	for (const name of [join(folder, "s"), `@polytap-test-${process.pid}`]) {
		const fd = manager(name);
		await notifyManager("READY=1", name);
		t.is(received(fd), "READY=1", name);
		close(fd);
	}
	rmSync(folder, { recursive: true });
});

test("without a manager, or with one that is not there, nothing happens", async (t) => {
	await t.notThrowsAsync(notifyManager("READY=1", undefined));
	await t.notThrowsAsync(notifyManager("READY=1", ""));
	await t.notThrowsAsync(notifyManager("READY=1", "/nowhere/socket"));
	await t.notThrowsAsync(notifyManager("READY=1", `/${"x".repeat(200)}`));
});
