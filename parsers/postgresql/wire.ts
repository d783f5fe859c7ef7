/** Message types and other numbers of the protocol (sections 55.7 and 55.8 of PostgreSQL's manual). */
export { int16, int32, uint16, uint32 } from "./values/integers.js";

/** What a side returns where its direction must wait for the other one. */
export const HOLD = -2;

export const SSL_REQUEST = 80_877_103;
export const GSS_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;
/** The longest message that the server takes, and then some: `MaxAllocSize`. */
export const MAX_MESSAGE_BYTES = 0x3fff_ffff + 4;
export const MAX_STARTUP_BYTES = 10_000;

/** The types of messages, by the letter that begins them; the same letter means something else the other way. */
export const Front = {
	bind: 66,
	close: 67,
	describe: 68,
	execute: 69,
	functionCall: 70,
	flush: 72,
	parse: 80,
	query: 81,
	sync: 83,
	terminate: 88,
	copyDone: 99,
	copyData: 100,
	copyFail: 102,
	password: 112,
} as const;

export const Back = {
	parseComplete: 49,
	bindComplete: 50,
	closeComplete: 51,
	notification: 65,
	commandComplete: 67,
	dataRow: 68,
	error: 69,
	copyIn: 71,
	copyOut: 72,
	emptyQuery: 73,
	backendKey: 75,
	notice: 78,
	authentication: 82,
	parameterStatus: 83,
	rowDescription: 84,
	functionResult: 86,
	copyBoth: 87,
	ready: 90,
	copyDone: 99,
	copyData: 100,
	noData: 110,
	portalSuspended: 115,
	parameterDescription: 116,
	negotiateVersion: 118,
} as const;

const FRONT = new Set<number>(Object.values(Front));
const BACK = new Set<number>(Object.values(Back));

export function isFront(type: number): boolean {
	return FRONT.has(type);
}

export function isBack(type: number): boolean {
	return BACK.has(type);
}

/** Position of the NUL that ends the text at `from`, or -1 where there is none before `to`. */
export function nulAt(bytes: Uint8Array, from: number, to: number): number {
	const limit = from + 64 < to ? from + 64 : to;
	for (let i = from; i < limit; i++) if (bytes[i] === 0) return i;
	if (limit === to) return -1;
	const found = bytes.indexOf(0, limit);
	return found < to ? found : -1;
}

export function utf8(bytes: Uint8Array, from: number, to: number): string {
	return Buffer.prototype.utf8Slice.call(bytes, from, to);
}

export function latin1(bytes: Uint8Array, from: number, to: number): string {
	return Buffer.prototype.latin1Slice.call(bytes, from, to);
}
