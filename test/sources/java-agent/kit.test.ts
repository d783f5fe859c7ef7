import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { sourceChecks } from "polytap/testkit";
import plugin from "../../../sources/java-agent/index.js";
import { Peer } from "./scripted-peer.js";

const folder = mkdtempSync(join(tmpdir(), "polytap-java-"));
test.after.always(() => rmSync(folder, { recursive: true }));
let number = 0;

const traffic = async (config: unknown) => {
	const peer = await Peer.agent((config as { listen: string }).listen);
	peer.open(1);
	peer.plain(1, 0, 0, "GET / HTTP/1.1\r\n\r\n");
	peer.plain(1, 1, 0, "HTTP/1.1 204 No Content\r\n\r\n");
	peer.tell("gap", { c: 1, dir: 0, offset: 18, length: 2, at: Date.now() * 1000, cause: "queue-full" });
	peer.tell("conn.close", { c: 1, at: Date.now() * 1000, final: [20, 27], how: "fin" });
	await new Promise((resolve) => setTimeout(resolve, 20));
	peer.end();
};

const config = () => ({ listen: join(folder, `${number++}/java.sock`) });
for (const { name, run } of sourceChecks(plugin, { config, traffic, atLeast: 2 }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
