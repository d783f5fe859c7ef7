/** How connections of other protocols begin: none of them may be taken for the parser's own. */
export interface Opening {
	/** As parsers name them, and what else belongs to the same family. */
	readonly protocols: readonly string[];
	readonly client: Uint8Array;
	readonly server: Uint8Array;
}

const opening = (protocols: readonly string[], client: string, server: string): Opening => ({
	protocols,
	client: Buffer.from(client, "latin1"),
	server: Buffer.from(server, "latin1"),
});

export const OPENINGS: readonly Opening[] = [
	opening(["http/1.1"], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
	opening(
		["http/2", "grpc"],
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
		"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0",
	),
	opening(
		["tls"],
		"\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03abcdefghijklmnopqrstuvwxyz012345\0\0\x02\x13\x01\x01\0",
		"\x16\x03\x03\0\x04\x0e\0\0\0",
	),
	opening(["ssh"], "SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.2\r\n"),
	opening(["redis"], "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$-1\r\n"),
	opening(
		["postgresql"],
		"\0\0\0\x15\0\x03\0\0user\0somebody\0\0".replace("\x15", "\x17"),
		"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
	),
	opening(
		["mysql"],
		"\x20\0\0\x01\x85\xa2\x1a\0\0\0\0\x40\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0",
	),
	opening(["smtp"], "EHLO a.example\r\n", "220 b.example ESMTP\r\n250 b.example\r\n"),
	opening(["ftp"], "USER anonymous\r\n", "220 ready\r\n331 password\r\n"),
	opening(["amqp"], "AMQP\0\0\x09\x01", "\x01\0\0\0\0\0\x05\0\x0a\0\x0a\0\xce"),
	opening(["mqtt"], "\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a", "\x20\x02\0\0"),
	opening(["kafka"], "\0\0\0\x13\0\x12\0\x03\0\0\0\x01\0\x09client-id\0", "\0\0\0\x08\0\0\0\x01\0\0\0\0"),
	opening(
		["mongodb"],
		"\x27\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x12\0\0\0\x10ping\0\x01\0\0\0\0\0\0",
		"\x15\0\0\0\x02\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0",
	),
	opening(["memcached"], "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
	opening(["nats"], 'CONNECT {"verbose":false}\r\nPING\r\n', 'INFO {"server_id":"A","port":4222}\r\nPONG\r\n'),
	opening(
		["dns"],
		"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
		"\0\x0c\x12\x34\x81\x83\0\x01\0\0\0\0\0\0",
	),
	opening([], "\0".repeat(64), "\0".repeat(64)),
	opening([], "\xff".repeat(64), "\xff".repeat(64)),
	opening([], "hello there, this is nothing\n", "what?\n"),
];
