import * as layout from "../record-layout.js";

/** One function of a TLS library, and what it does: `enum tls_function` of bpf/events.h. */
export interface ProbedFunction {
	readonly name: string;
	readonly does: number;
}

export interface TlsLibrary {
	/** For `connection.tls.library`. */
	readonly name: string;
	/** `enum tls_library` of bpf/events.h. */
	readonly number: number;
	/** File names of the shared library. */
	readonly file: RegExp;
	/** Without this function a file is not this library. */
	readonly sign: string;
	readonly functions: readonly ProbedFunction[];
}

const functions = (does: number, ...names: string[]): ProbedFunction[] => names.map((name) => ({ name, does }));

export const TLS_LIBRARIES: readonly TlsLibrary[] = [
	{
		// BoringSSL and LibreSSL have the same interface; programs that carry it inside (Node.js) export it
		name: "openssl",
		number: layout.TLS_OPENSSL,
		file: /^libssl[.-][^/]*so/,
		sign: "SSL_write",
		functions: [
			...functions(layout.TLS_READ, "SSL_read"),
			...functions(layout.TLS_READ_EX, "SSL_read_ex", "SSL_read_early_data"),
			...functions(layout.TLS_WRITE, "SSL_write"),
			...functions(layout.TLS_WRITE_EX, "SSL_write_ex", "SSL_write_early_data"),
			...functions(layout.TLS_PROTOCOL, "SSL_do_handshake", "SSL_accept", "SSL_connect"),
			...functions(layout.TLS_PROTOCOL, "SSL_shutdown", "SSL_peek", "SSL_peek_ex"),
			...functions(layout.TLS_SENDFILE, "SSL_sendfile"),
			...functions(layout.TLS_FREE, "SSL_free", "SSL_clear"),
		],
	},
	{
		name: "gnutls",
		number: layout.TLS_GNUTLS,
		file: /^libgnutls[.-][^/]*so/,
		sign: "gnutls_record_send",
		functions: [
			...functions(layout.TLS_READ, "gnutls_record_recv", "gnutls_record_recv_seq"),
			...functions(layout.TLS_WRITE, "gnutls_record_send", "gnutls_record_send2"),
			...functions(layout.TLS_PROTOCOL, "gnutls_handshake", "gnutls_bye"),
			...functions(layout.TLS_FREE, "gnutls_deinit"),
		],
	},
];

/** What has no return to probe: the program that is entered is all there is. */
export const WITHOUT_RETURN: ReadonlySet<number> = new Set([layout.TLS_FREE]);

/** `go`, for records; its programs are found otherwise. */
export const GO = "go";

/** Go's crypto/tls, and what each instruction that returns from it is. */
export const GO_FUNCTIONS: readonly (ProbedFunction & { readonly returns: number })[] = [
	{ name: "crypto/tls.(*Conn).Read", does: layout.TLS_GO_READ, returns: layout.TLS_GO_RETURN },
	{ name: "crypto/tls.(*Conn).Write", does: layout.TLS_GO_WRITE, returns: layout.TLS_GO_RETURN },
	{
		name: "crypto/tls.(*Conn).handshakeContext",
		does: layout.TLS_GO_PROTOCOL,
		returns: layout.TLS_GO_PROTOCOL_RETURN,
	},
];

/** The name of a library in records, by its number; null for none. */
export function libraryName(number: number): string | null {
	if (number === layout.TLS_GO) return GO;
	return TLS_LIBRARIES.find((library) => library.number === number)?.name ?? null;
}
