/** The server's first packet and the client's answer to it. What is secret in them is skipped, never read. */
import * as capability from "./capabilities.js";
import { Cursor } from "./cursor.js";

export interface Greeting {
	readonly protocolVersion: number;
	readonly serverVersion: string;
	readonly connectionId: number;
	readonly capabilities: number;
	/** MariaDB's own. */
	readonly extended: number;
	readonly isMariaDb: boolean;
	readonly plugin: string | null;
}

/** Protocol version 10 (and the head of any other). Null: it is no greeting. */
export function readGreeting(bytes: Buffer, from: number, to: number): Greeting | null {
	const cursor = new Cursor(bytes, from, to);
	const protocolVersion = cursor.u8();
	const serverVersion = cursor.nulText();
	const connectionId = cursor.u32();
	if (cursor.isBad) return null;
	const isMariaDb = /mariadb/i.test(serverVersion);
	const facts = { protocolVersion, serverVersion, connectionId, isMariaDb };
	if (protocolVersion !== 10) return { ...facts, capabilities: 0, extended: 0, plugin: null };
	cursor.skip(8 + 1);
	let capabilities = cursor.u16();
	if (cursor.isBad) return null;
	if (cursor.left === 0) return { ...facts, capabilities, extended: 0, plugin: null };
	cursor.skip(1 + 2);
	capabilities = (capabilities | (cursor.u16() << 16)) >>> 0;
	const scrambleBytes = cursor.u8();
	cursor.skip(6);
	const last = cursor.u32();
	const isOwn = (capabilities & capability.LONG_PASSWORD) === 0;
	if ((capabilities & capability.SECURE_CONNECTION) !== 0)
		cursor.skip(Math.min(cursor.left, Math.max(13, scrambleBytes - 8)));
	const hasPlugin = (capabilities & capability.PLUGIN_AUTH) !== 0 && cursor.left > 0;
	// some old servers forget the NUL at the end
	const plugin = hasPlugin ? cursor.rest().replace(/\0.*$/s, "") : null;
	return { ...facts, capabilities, extended: isOwn ? last : 0, isMariaDb: isMariaDb || (isOwn && last !== 0), plugin };
}

export interface Login {
	readonly capabilities: number;
	readonly extended: number;
	/** It asks for TLS and says nothing else. */
	readonly isTlsRequest: boolean;
	readonly collation: number;
	readonly user: string;
	/** Bytes of what proves the user's identity. */
	readonly secretBytes: number;
	readonly schema: string | null;
	readonly plugin: string | null;
	readonly attributes: readonly (readonly [name: string, value: string])[];
}

export const SSL_REQUEST_BYTES = 32;

/** HandshakeResponse41, HandshakeResponse320 or SSLRequest. Null: it is none of them. */
export function readLogin(bytes: Buffer, from: number, to: number): Login | null {
	const cursor = new Cursor(bytes, from, to);
	if (to - from < 5) return null;
	const is41 = (bytes[from + 1]! & (capability.PROTOCOL_41 >> 8)) !== 0;
	if (!is41) return readOldLogin(cursor);
	const capabilities = cursor.u32();
	cursor.skip(4);
	const collation = cursor.u8();
	cursor.skip(19);
	const last = cursor.u32();
	if (cursor.isBad) return null;
	const extended = (capabilities & capability.LONG_PASSWORD) === 0 ? last : 0;
	const head = { capabilities, extended, collation };
	if (cursor.left === 0) {
		const isTlsRequest = (capabilities & capability.SSL) !== 0;
		return isTlsRequest ? { ...head, isTlsRequest, ...NOBODY } : null;
	}
	const user = cursor.nulText();
	const secretBytes = skipSecret(cursor, capabilities, false);
	const has = (bit: number): boolean => (capabilities & bit) !== 0 && cursor.left > 0;
	const schema = has(capability.CONNECT_WITH_DB) ? cursor.nulText() : "";
	const plugin = has(capability.PLUGIN_AUTH) ? cursor.nulText() : null;
	const attributes = has(capability.CONNECT_ATTRIBUTES) ? readAttributes(cursor) : [];
	if (cursor.isBad) return null;
	return { ...head, isTlsRequest: false, user, secretBytes, schema: schema === "" ? null : schema, plugin, attributes };
}

const NOBODY = { user: "", secretBytes: 0, schema: null, plugin: null, attributes: [] } as const;

function readOldLogin(cursor: Cursor): Login | null {
	const capabilities = cursor.u16();
	cursor.skip(3);
	const head = { capabilities, extended: 0, collation: 0 };
	if (cursor.left === 0) {
		const isTlsRequest = (capabilities & capability.SSL) !== 0;
		return isTlsRequest && !cursor.isBad ? { ...head, isTlsRequest, ...NOBODY } : null;
	}
	const user = cursor.nulText();
	let secretBytes = cursor.left;
	let schema: string | null = null;
	if ((capabilities & capability.CONNECT_WITH_DB) !== 0) {
		secretBytes = skipNul(cursor);
		if (cursor.left > 0) schema = cursor.rest().replace(/\0.*$/s, "");
	}
	return cursor.isBad ? null : { ...head, isTlsRequest: false, ...NOBODY, user, secretBytes, schema };
}

/** COM_CHANGE_USER, `from` being behind the command's byte. */
export function readChangeUser(bytes: Buffer, from: number, to: number, capabilities: number): Login | null {
	const cursor = new Cursor(bytes, from, to);
	const user = cursor.nulText();
	const secretBytes = skipSecret(cursor, capabilities, true);
	const schema = cursor.nulText();
	const collation = cursor.left >= 2 ? cursor.u16() : 0;
	const hasPlugin = (capabilities & capability.PLUGIN_AUTH) !== 0 && cursor.left > 0;
	const plugin = hasPlugin ? cursor.nulText() : null;
	const hasAttributes = (capabilities & capability.CONNECT_ATTRIBUTES) !== 0 && cursor.left > 0;
	const attributes = hasAttributes ? readAttributes(cursor) : [];
	if (cursor.isBad) return null;
	const facts = { capabilities, extended: 0, isTlsRequest: false, collation, user, secretBytes, plugin, attributes };
	return { ...facts, schema: schema === "" ? null : schema };
}

function skipSecret(cursor: Cursor, capabilities: number, isChangeUser: boolean): number {
	const from = cursor.at;
	if (!isChangeUser && (capabilities & capability.PLUGIN_AUTH_LENENC) !== 0) {
		const length = cursor.lenenc();
		cursor.take(length);
		return Math.max(0, length);
	}
	if ((capabilities & capability.SECURE_CONNECTION) !== 0) {
		const length = cursor.u8();
		cursor.skip(length);
		return length;
	}
	skipNul(cursor);
	return Math.max(0, cursor.at - from - 1);
}

/** How many bytes stand before the NUL that is passed over. */
function skipNul(cursor: Cursor): number {
	const from = cursor.at;
	while (cursor.left > 0 && cursor.bytes[cursor.at] !== 0) cursor.at++;
	cursor.skip(1);
	return cursor.at - from - 1;
}

const MAX_ATTRIBUTES = 64;

function readAttributes(cursor: Cursor): [string, string][] {
	const length = cursor.lenenc();
	const from = cursor.take(length);
	if (from < 0) return [];
	const list = new Cursor(cursor.bytes, from, from + length);
	const attributes: [string, string][] = [];
	while (list.left > 0 && !list.isBad && attributes.length < MAX_ATTRIBUTES)
		attributes.push([list.lenencText(), list.lenencText()]);
	return attributes;
}
