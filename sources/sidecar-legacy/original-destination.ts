/** Where a redirected connection was going, from the kernel's connection tracking. */

import type { Socket } from "node:net";
import koffi from "koffi";
import type { Endpoint } from "../../core/index.js";
import { endpointOf } from "./address.js";
import { addressText } from "./proxy-protocol.js";

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** The same number for both families: SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST. */
const ORIGINAL_DST = 80;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

type GetSockOpt = (fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array) => number;
let getSockOpt: GetSockOpt | null = null;

function ask(fd: number, level: number, bytes: number): Buffer | null {
	getSockOpt ??= koffi
		.load("libc.so.6")
		.func("int getsockopt(int fd, int level, int option, _Out_ void *value, _Inout_ void *length)") as GetSockOpt;
	const value = Buffer.alloc(bytes);
	const length = Buffer.alloc(4);
	length.writeUInt32LE(bytes);
	return getSockOpt(fd, level, ORIGINAL_DST, value, length) === 0 ? value : null;
}

/** Null: this connection was not redirected, or the kernel does not say. */
export function originalDestination(socket: Socket): Endpoint | null {
	const fd = descriptorOf(socket);
	if (fd < 0) return null;
	const isIpv6 = (socket.localAddress ?? "").includes(":") && !(socket.localAddress ?? "").startsWith("::ffff:");
	if (isIpv6) {
		const value = ask(fd, SOL_IPV6, SOCKADDR_IN6_BYTES);
		return value === null ? null : endpointOf(addressText(value.subarray(8, 24)), value.readUInt16BE(2));
	}
	const value = ask(fd, SOL_IP, SOCKADDR_IN_BYTES);
	return value === null ? null : endpointOf(addressText(value.subarray(4, 8)), value.readUInt16BE(2));
}

/** Node.js does not tell it officially; -1 where it is not to be had. */
function descriptorOf(socket: Socket): number {
	const handle: unknown = Reflect.get(socket, "_handle");
	if (typeof handle !== "object" || handle === null) return -1;
	const fd: unknown = Reflect.get(handle, "fd");
	return typeof fd === "number" ? fd : -1;
}
