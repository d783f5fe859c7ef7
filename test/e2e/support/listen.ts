import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Scope } from "./scope.js";

/** On a port of loopback that is free; it ends with the scope, whatever its clients still hold open. */
export async function listen(scope: Scope, server: Server): Promise<number> {
	const sockets = new Set<Socket>();
	server.on("connection", (socket) => {
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	scope.defer(() => {
		server.close();
		for (const socket of sockets) socket.destroy();
	});
	return (server.address() as AddressInfo).port;
}
