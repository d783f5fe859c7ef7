import { join } from "node:path";
import { runProgram } from "./program.js";
import type { Scope } from "./scope.js";

/** Paths of PEM files. */
export interface Certificate {
	readonly certificate: string;
	readonly key: string;
}

/** A certificate for `localhost`, signed by itself. */
export async function makeCertificate(scope: Scope): Promise<Certificate> {
	const folder = await scope.folder();
	const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
	const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
	const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
	await runProgram("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate], 60_000);
	return { certificate, key };
}
