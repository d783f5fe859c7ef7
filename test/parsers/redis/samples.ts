import type { Sample } from "../sample.js";

const command = (...words: readonly string[]): string =>
	`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;

export const samples: readonly Sample[] = [
	{
		client: Buffer.from(command("SET", "order:7", "twelve apples") + command("GET", "order:7")),
		server: Buffer.from("+OK\r\n$13\r\ntwelve apples\r\n"),
	},
	{ client: Buffer.from("SET order:7 12\r\nPING\r\n"), server: Buffer.from("+OK\r\n+PONG\r\n") },
	{
		client: Buffer.from(command("SUBSCRIBE", "news")),
		server: Buffer.from(
			"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
		),
	},
	{
		client: Buffer.from(command("HELLO", "3") + command("HGETALL", "basket")),
		server: Buffer.from("%1\r\n+proto\r\n:3\r\n%1\r\n$6\r\napples\r\n$2\r\n12\r\n"),
	},
];
