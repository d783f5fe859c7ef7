import { MessageHead, type ParserOutput } from "../../core/index.js";
import type { Session } from "./session.js";
import { int32, latin1, nulAt } from "./wire.js";

const METHODS: Readonly<Record<number, string>> = {
	2: "kerberos",
	3: "password",
	5: "md5",
	6: "scm",
	7: "gssapi",
	9: "sspi",
	10: "sasl",
};

/** SASLFinal: the client has nothing to say to it, nor to the end of it all. */
const TELLS_ONLY: readonly number[] = [0, 12];

/** AuthenticationOk and what asks for a secret: which way is recorded, challenges are not. */
export function authentication(session: Session, bytes: Uint8Array, at: number, end: number): boolean {
	if (end - at < 9) return false;
	const code = int32(bytes, at + 5);
	const { login } = session;
	if (login === null) return true;
	if (code === 0) {
		session.isLoggedIn = true;
		login.closeRequest();
		return true;
	}
	if (!TELLS_ONLY.includes(code)) session.proofsAsked++;
	login.response?.secret(end - at - 9);
	const method = METHODS[code];
	if (method === undefined) return true;
	const nameEnd = code === 10 ? nulAt(bytes, at + 9, end) : -1;
	const mechanism = nameEnd < 0 ? method : latin1(bytes, at + 9, nameEnd).toLowerCase();
	session.authentication = /^[\w-]{1,64}$/.test(mechanism) ? mechanism : method;
	return true;
}

/** Process and key that a CancelRequest has to name. The key is a secret. */
export function backendKey(session: Session, bytes: Uint8Array, at: number, end: number, out: ParserOutput): boolean {
	if (end - at < 9) return false;
	out.note("postgresql.backend_pid", int32(bytes, at + 5));
	session.login?.response?.secret(end - at - 9);
	return true;
}

/** What a login that went well is told as. */
export function loginHead(session: Session): MessageHead {
	return new MessageHead("READY", { "postgresql.authentication": session.authentication }, []);
}
