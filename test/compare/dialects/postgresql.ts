import { type Dialect, type DissectedMessage, firstOf, short, valuesOf } from "../dialect.js";

interface Open {
	readonly asked: string;
	rows: number;
	readonly tags: string[];
	error: string | null;
}

const line = ({ asked, rows, tags, error }: Open): string =>
	`${asked} → ${[...tags, ...(error === null ? [] : [`error ${error}`])].join(", ")} (${rows} rows)`;

/** Simple queries and executions, each with its rows, command tags and SQLSTATE. */
export const postgresql: Dialect = {
	protocol: "postgresql",
	layer: "pgsql",
	ofRecord({ kind, request, response }) {
		const asked = request?.attributes["postgresql.request"];
		if (kind !== "exchange" || (asked !== "query" && asked !== "execute")) return null;
		const parts = response?.messages ?? [];
		const all = parts.length > 0 ? parts.map(({ attributes }) => attributes) : [response?.attributes ?? {}];
		const tags = all.flatMap((each) => {
			const tag = each["postgresql.command_tag"];
			return tag === undefined ? [] : [String(tag)];
		});
		const rows = all.reduce((sum, each) => sum + Number(each["db.response.returned_rows"] ?? 0), 0);
		const code = response?.attributes["db.response.status_code"];
		const text = short(String(request?.attributes["db.query.text"] ?? ""));
		return line({ asked: `${asked} ${text}`, rows, tags, error: code === undefined ? null : String(code) });
	},
	ofMessages(messages) {
		const lines: string[] = [];
		const open: Open[] = [];
		const texts = new Map<string, string>();
		const portals = new Map<string, string>();
		/** Those between which a Sync was sent end together where one fails. */
		const finish = (): void => {
			const first = open.shift();
			if (first !== undefined) lines.push(line(first));
		};
		for (const { type, tree } of messages.flatMap(typed)) {
			switch (type) {
				case "Simple query":
					open.push({ asked: `query ${short(firstOf(tree, "pgsql.query") ?? "")}`, rows: 0, tags: [], error: null });
					break;
				case "Parse":
					texts.set(firstOf(tree, "pgsql.statement") ?? "", firstOf(tree, "pgsql.query") ?? "");
					break;
				case "Bind":
					portals.set(firstOf(tree, "pgsql.portal") ?? "", texts.get(firstOf(tree, "pgsql.statement") ?? "") ?? "");
					break;
				case "Execute": {
					const text = portals.get(firstOf(tree, "pgsql.portal") ?? "") ?? "";
					open.push({ asked: `execute ${short(text)}`, rows: 0, tags: [], error: null });
					break;
				}
				case "Data row":
					if (open[0] !== undefined) open[0].rows++;
					break;
				case "Command completion":
					open[0]?.tags.push(firstOf(tree, "pgsql.tag") ?? "");
					if (open[0]?.asked.startsWith("execute")) finish();
					break;
				case "Error":
					if (open[0] !== undefined) open[0].error = firstOf(tree, "pgsql.code");
					if (open[0]?.asked.startsWith("execute")) finish();
					break;
				case "Ready for query":
					if (open[0]?.asked.startsWith("query")) finish();
					break;
			}
		}
		while (open.length > 0) finish();
		return lines;
	},
};

function typed({ tree }: DissectedMessage): { readonly type: string; readonly tree: unknown }[] {
	return valuesOf(tree, "pgsql.type").map((type) => ({ type, tree }));
}
