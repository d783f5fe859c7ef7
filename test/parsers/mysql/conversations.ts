/** What the test kit and the fuzzing try the parser with. */
import * as wire from "./wire.js";

const ID = { name: "id", type: 3 } as const;
const NAME = { name: "name", type: 253 } as const;
const prepared = wire.bytes(0, wire.u32(5), wire.u16(1), wire.u16(1), 0, wire.u16(0));

const conversation = (name: string, steps: readonly wire.Step[]) => ({
	name,
	serverPort: 3306,
	steps: steps.map(([dir, ...packets]) => ({
		from: dir === 0 ? ("client" as const) : ("server" as const),
		bytes: Buffer.concat(packets),
	})),
});

export const conversations = [
	conversation("statements", [
		...wire.handshake(),
		[0, wire.query("SELECT id, name FROM t")],
		[
			1,
			wire.result(
				[ID, NAME],
				[
					["1", "ä"],
					["2", null],
				],
			),
		],
		[0, wire.query("UPDATE t SET id = 3")],
		[1, wire.ok(1, { affected: 2 })],
		[0, wire.query("selec")],
		[1, wire.err(1, 1064, "42000", "no")],
		[0, wire.packet(0, 1)],
	]),
	conversation("prepared", [
		...wire.handshake(),
		[0, wire.packet(0, 0x16, "SELECT id FROM t WHERE id > ?")],
		[1, wire.packet(1, prepared), wire.column(2, { name: "?", type: 253 }), wire.column(3, ID)],
		[0, wire.packet(0, 0x17, wire.u32(5), 0, wire.u32(1), 0, 1, 3, 0, wire.u32(7))],
		[1, wire.packet(1, 1), wire.column(2, ID), wire.packet(3, 0, 0, wire.u32(8)), wire.ok(4, { first: 0xfe })],
		[0, wire.packet(0, 0x19, wire.u32(5))],
	]),
	conversation("with EOFs", [
		...wire.handshake({ client: wire.USUAL & ~wire.CAN.deprecateEof, version: "5.5.5-10.11.2-MariaDB" }),
		[0, wire.query("SELECT id FROM t")],
		[1, wire.result([ID], [["1"], ["2"]], { withEofs: true })],
	]),
];
