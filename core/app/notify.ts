/** Tells a service manager how far polytap is (`sd_notify`): a datagram to the socket that NOTIFY_SOCKET names. */

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const LONGEST_PATH = 107;

/** See `sd_notify(3)`. `RELOADING=1` needs the monotonic clock's time in the same datagram. */
export type ManagerState = "READY=1" | "STOPPING=1" | "WATCHDOG=1" | `RELOADING=1\nMONOTONIC_USEC=${bigint}`;

/** Microseconds of the monotonic clock, as a service manager reads it. */
export function reloading(): ManagerState {
	return `RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`;
}

/** How often the service manager wants to hear `WATCHDOG=1` from this process, ms; null: never. */
export function watchdogMs(environment: Readonly<Record<string, string | undefined>> = process.env): number | null {
	const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = environment;
	if (usec === undefined || !/^[1-9]\d*$/.test(usec)) return null;
	if (pid !== undefined && pid !== String(process.pid)) return null;
	return Math.max(10, Number(usec) / 1000);
}

/** Does nothing where no manager waits. Node.js has no datagram sockets for paths, so this goes through libc. */
export async function notifyManager(state: ManagerState, path = process.env.NOTIFY_SOCKET): Promise<void> {
	if (path === undefined || !/^[/@]/.test(path) || Buffer.byteLength(path) > LONGEST_PATH) return;
	const { default: koffi } = await import("koffi");
	const libc = koffi.load("libc.so.6");
	const socket = libc.func("int socket(int domain, int type, int protocol)");
	const sendto = libc.func(
		"int64_t sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)",
	);
	const close = libc.func("int close(int fd)");
	const fd: number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return;
	try {
		const address = addressOf(path);
		const data = Buffer.from(state);
		sendto(fd, data, data.length, 0, address, address.length);
	} finally {
		close(fd);
	}
}

/** A `struct sockaddr_un`; a name that begins with `@` lies in the abstract namespace. */
function addressOf(path: string): Buffer {
	const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
	const address = Buffer.alloc(2 + name.length);
	new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
	name.copy(address, 2);
	return address;
}
