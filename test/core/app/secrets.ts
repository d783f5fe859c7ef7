/** Texts that must not get out, and a look for them in whatever was written. */
import { gunzipSync } from "node:zlib";

/** Each place has a secret of its own, so that a leak says where it is. All match `SECRETS`. */
export function planted(place: string): string {
	return `PLANTED-${place}-GEHEIM`;
}

/** The rule that hides them all. */
export const SECRETS = { match: ["PLANTED-[a-z0-9-]+-GEHEIM"] } as const;

/** What of a secret would betray it, even where its beginning or its end was cut off or a letter is written otherwise. */
const BETRAYS = /PLANTED|GEHEIM|LANTED-/g;

/** What of secrets is in these bytes, as they are, in base64, and in gzip in base64. */
export function leaks(written: Uint8Array | string): string[] {
	const text = typeof written === "string" ? written : Buffer.from(written).toString("latin1");
	const found: string[] = [...(text.match(BETRAYS) ?? [])];
	for (const bytes of base64In(text)) {
		found.push(...(bytes.toString("latin1").match(BETRAYS) ?? []));
		if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) continue;
		try {
			found.push(...(gunzipSync(bytes).toString("latin1").match(BETRAYS) ?? []));
		} catch {
			// only looked like it
		}
	}
	return found;
}

/** Whether a text is there to be read, as it is or in base64. */
export function shows(written: Buffer, text: string): boolean {
	return written.includes(text) || base64In(written.toString("latin1")).some((bytes) => bytes.includes(text));
}

function base64In(text: string): Buffer[] {
	return [...text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].map(([base64]) => Buffer.from(base64, "base64"));
}
