import { connect, createServer } from "node:net";

/** A port that nobody listens on now, on IPv4 and IPv6. Somebody else may take it before the caller does. */
export async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "::", resolve));
	const address = server.address();
	await new Promise((resolve) => server.close(resolve));
	if (address === null || typeof address === "string") throw new Error("no port");
	return address.port;
}

export function accepts(port: number, host = "127.0.0.1"): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ port, host, timeout: 500 });
		const answer = (yes: boolean) => {
			socket.destroy();
			resolve(yes);
		};
		socket.once("connect", () => answer(true));
		socket.once("error", () => answer(false));
		socket.once("timeout", () => answer(false));
	});
}
