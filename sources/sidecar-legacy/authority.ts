/** The certificate authority of one installation, and the certificates that it makes for hosts. Nothing of it is shipped. */
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** Clients refuse certificates that are valid for much more than a year. */
const HOST_DAYS = 90;
/** Before that it is made anew. */
const RENEW_MS = DAY_MS * 30;
const MOST_HOSTS = 1_000;
const SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1";

interface HostContext {
	readonly context: Promise<SecureContext>;
	readonly renewAtMs: number;
}

export class Authority {
	readonly #certificate: x509.X509Certificate;
	readonly #key: webcrypto.CryptoKey;
	/** In the order of their last use. */
	readonly #hosts = new Map<string, HostContext>();

	private constructor(certificate: x509.X509Certificate, key: webcrypto.CryptoKey) {
		this.#certificate = certificate;
		this.#key = key;
	}

	/** Reads `ca.pem` and `ca-key.pem` of the folder, and makes both where neither is there. */
	static async open(folder: string): Promise<Authority> {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		const certificateFile = join(folder, "ca.pem");
		const keyFile = join(folder, "ca-key.pem");
		let pem: [string, string];
		try {
			pem = [await readFile(certificateFile, "utf8"), await readFile(keyFile, "utf8")];
		} catch (error) {
			if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
			pem = await makeAuthority();
			// refuses to overwrite: half a CA is somebody's mistake, not ours to mend
			await writeFile(keyFile, pem[1], { mode: 0o600, flag: "wx" });
			await writeFile(certificateFile, pem[0], { mode: 0o644, flag: "wx" });
		}
		const key = await webcrypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem[1]), ALGORITHM, false, [
			"sign",
		]);
		return new Authority(new x509.X509Certificate(pem[0]), key);
	}

	/** Certificate and key for a host name or address, made when first asked for. */
	contextFor(name: string): Promise<SecureContext> {
		const known = this.#hosts.get(name);
		this.#hosts.delete(name);
		const entry =
			known !== undefined && known.renewAtMs > Date.now()
				? known
				: { context: this.#make(name), renewAtMs: Date.now() + HOST_DAYS * DAY_MS - RENEW_MS };
		this.#hosts.set(name, entry);
		entry.context.catch(() => this.#hosts.delete(name));
		if (this.#hosts.size > MOST_HOSTS) this.#hosts.delete(this.#hosts.keys().next().value ?? name);
		return entry.context;
	}

	async #make(name: string): Promise<SecureContext> {
		const keys = await newKeys();
		const certificate = await x509.X509CertificateGenerator.create({
			serialNumber: serialNumber(),
			subject: [{ CN: [name.slice(0, 64)] }],
			issuer: this.#certificate.subject,
			...validFor(HOST_DAYS),
			signingAlgorithm: ALGORITHM,
			publicKey: keys.publicKey,
			signingKey: this.#key,
			extensions: [
				new x509.BasicConstraintsExtension(false),
				new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
				new x509.ExtendedKeyUsageExtension([SERVER_AUTHENTICATION]),
				new x509.SubjectAlternativeNameExtension([{ type: isIP(name) === 0 ? "dns" : "ip", value: name }]),
			],
		});
		const cert = `${certificate.toString("pem")}\n${this.#certificate.toString("pem")}\n`;
		return createSecureContext({ cert, key: await privatePem(keys.privateKey) });
	}
}

async function makeAuthority(): Promise<[certificate: string, key: string]> {
	const keys = await newKeys();
	const certificate = await x509.X509CertificateGenerator.createSelfSigned({
		serialNumber: serialNumber(),
		name: [{ CN: [`polytap sidecar of ${hostname()}`.slice(0, 64)] }],
		...validFor(CA_DAYS),
		signingAlgorithm: ALGORITHM,
		keys,
		extensions: [
			new x509.BasicConstraintsExtension(true, 0, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
			await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return [`${certificate.toString("pem")}\n`, await privatePem(keys.privateKey)];
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
	webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
	return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

/** Positive, and not zero. */
const serialNumber = (): string => `01${randomBytes(15).toString("hex")}`;

const validFor = (days: number) => ({
	// clocks differ
	notBefore: new Date(Date.now() - DAY_MS),
	notAfter: new Date(Date.now() + (days - 1) * DAY_MS),
});
