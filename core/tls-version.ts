/**
 * `tls.protocol.version` as OpenTelemetry writes it (`1.3`), of the name that OpenSSL and Java have for it (`TLSv1.3`; `TLSv1` is
 * 1.0). A name of another form stays as it is.
 */
export function tlsVersionOf(name: string): string {
	const number = /^TLSv(\d+(?:\.\d+)?)$/.exec(name)?.[1];
	if (number === undefined) return name;
	return number.includes(".") ? number : `${number}.0`;
}
