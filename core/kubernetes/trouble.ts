/** Why a server did not give what it was asked for. */
export class Trouble extends Error {
	override readonly name = "Trouble";
	/** `gone`: the version to go on from is too old, which is no problem: the list is fetched anew. */
	readonly kind: "unreachable" | "refused" | "gone";

	constructor(kind: Trouble["kind"], message: string) {
		super(message);
		this.kind = kind;
	}
}

export function troubleOf(error: unknown): Trouble {
	if (error instanceof Trouble) return error;
	return new Trouble("unreachable", error instanceof Error ? error.message : String(error));
}

/** Of an answer that is not 200. */
export function troubleOfStatus(status: number, what: string): Trouble {
	const said = `${what} answered ${status}`;
	if (status === 401) return new Trouble("refused", `${said}: it does not know who polytap is`);
	if (status === 403) return new Trouble("refused", `${said}: polytap may not`);
	return new Trouble(status === 410 ? "gone" : "unreachable", said);
}
