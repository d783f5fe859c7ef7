import { type AttributeValue, type HeaderList, MessageHead } from "../../core/index.js";
import { statusName, timeoutUs } from "./status.js";

export function fieldOf(headers: HeaderList, name: string): string | null {
	for (const [each, value] of headers) if (each.length === name.length && each.toLowerCase() === name) return value;
	return null;
}

/**
 * Metadata whose values are bytes come as base64, or as a null and those bytes where both ends can do that: shown as base64,
 * either way. The same list where there is nothing to change.
 */
export function plainMetadata(headers: HeaderList): HeaderList {
	if (!headers.some(isTrueBinary)) return headers;
	return headers.map((field) =>
		isTrueBinary(field) ? [field[0], Buffer.from(field[1].slice(1), "latin1").toString("base64")] : field,
	);
}

function isTrueBinary([name, value]: HeaderList[number]): boolean {
	return value.charCodeAt(0) === 0 && name.endsWith("-bin");
}

function blockOf(head: MessageHead): HeaderList | MessageHead["block"] {
	const headers = plainMetadata(head.headers);
	return headers === head.headers ? head.block : headers;
}

/** The status that headers or trailers tell; null: none. */
export function statusOf(headers: HeaderList): number | null {
	const value = fieldOf(headers, "grpc-status");
	return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

/** Heads of gRPC messages, made of those of HTTP: the same for the same, as whatever is derived hangs on them. */
export class Heads {
	readonly #requests = new WeakMap<MessageHead, MessageHead>();
	readonly #responses = new WeakMap<MessageHead, Map<string, MessageHead>>();

	request(head: MessageHead): MessageHead {
		let made = this.#requests.get(head);
		if (made === undefined) this.#requests.set(head, (made = requestHead(head)));
		return made;
	}

	/** With the status; `text` is the message that came with it, or null. */
	response(head: MessageHead, status: number, text: string | null): MessageHead {
		const key = `${status} ${text ?? ""}`;
		let all = this.#responses.get(head);
		if (all === undefined) this.#responses.set(head, (all = new Map()));
		let made = all.get(key);
		if (made === undefined) {
			const attributes: Record<string, AttributeValue> = { ...head.attributes, "rpc.grpc.status_code": status };
			if (text !== null && text !== "") attributes["grpc.message"] = decodedText(text);
			made = new MessageHead(statusName(status), attributes, blockOf(head));
			if (all.size < MAX_STATUSES) all.set(key, made);
		}
		return made;
	}
}

const MAX_STATUSES = 32;

function requestHead(head: MessageHead): MessageHead {
	const attributes: Record<string, AttributeValue> = { "rpc.system": "grpc", ...head.attributes };
	const path = attributes["url.path"];
	const match = typeof path === "string" ? /^\/?(.+)\/([^/]+)$/.exec(path) : null;
	if (match !== null) {
		attributes["rpc.service"] = match[1]!;
		attributes["rpc.method"] = match[2]!;
	}
	const timeout = fieldOf(head.headers, "grpc-timeout");
	const us = timeout === null ? null : timeoutUs(timeout);
	if (us !== null) attributes["grpc.timeout_us"] = us;
	return new MessageHead(match === null ? head.summary : `${match[1]}/${match[2]}`, attributes, blockOf(head));
}

/** `grpc-message` is percent-encoded UTF-8. */
function decodedText(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}
