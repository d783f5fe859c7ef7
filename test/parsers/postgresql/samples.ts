import type { Sample } from "../sample.js";
import * as wire from "./wire.js";

const answer = Buffer.concat([wire.AUTHENTICATED, wire.status("TimeZone", "UTC"), wire.READY]);

export const samples: readonly Sample[] = [
	{ client: wire.STARTUP, server: answer },
	{ client: wire.SSL_REQUEST, server: Buffer.from("N") },
];
