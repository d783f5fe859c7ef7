import { isIP } from "node:net";
import type { Endpoint } from "../../core/index.js";

/** `HOST:PORT`, `[V6]:PORT` or a host name with a port. Null where it is none of them. */
export function parseAddress(text: string): Endpoint | null {
	const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
	if (match === null) return null;
	const port = Number(match[3]);
	if (port > 65_535) return null;
	if (match[1] !== undefined && isIP(match[1]) !== 6) return null;
	return { address: match[1] ?? match[2] ?? "", port };
}

/** As records write it: IPv4-mapped IPv6 addresses are IPv4, without a zone. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
	const plain = (address ?? "").replace(/%.*$/, "");
	return { address: plain.startsWith("::ffff:") && plain.includes(".") ? plain.slice(7) : plain, port: port ?? 0 };
}

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;

export const textOf = ({ address, port }: Endpoint): string =>
	address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
