import { type Dialect, type DissectedMessage, firstOf, short, valuesOf } from "../dialect.js";

const COMMANDS: Readonly<Record<string, string>> = {
	1: "QUIT",
	2: "INIT_DB",
	3: "QUERY",
	14: "PING",
	17: "CHANGE_USER",
	22: "STMT_PREPARE",
	23: "STMT_EXECUTE",
	25: "STMT_CLOSE",
	26: "STMT_RESET",
	28: "STMT_FETCH",
	31: "RESET_CONNECTION",
};
/** Those that nobody answers. */
const ONE_WAY: readonly string[] = ["QUIT", "STMT_CLOSE"];

/** Commands with what was answered: columns and rows, affected rows, a statement's number and parameters, an error's code. */
export const mysql: Dialect = {
	protocol: "mysql",
	layer: "mysql",
	ofRecord({ request, response, summary }) {
		const asked = request?.attributes ?? {};
		const command = String(asked["mysql.command"] ?? "");
		// steps of an authentication are messages beside the login
		if (summary.operation === "AUTHENTICATION" || request === null) return null;
		const told = response?.attributes ?? {};
		const error = told["error.type"];
		const columns = told["mysql.columns"];
		let result = `ok, ${told["mysql.affected_rows"]} affected`;
		if (response === null) result = "";
		else if (error !== undefined) result = `error ${error}`;
		else if (command === "STMT_PREPARE")
			result = `statement ${told["mysql.statement_id"]}, ${told["mysql.parameter_count"]} parameters, ${told["mysql.column_count"]} columns`;
		else if (Array.isArray(columns)) result = `${columns.join(" ")}, ${told["db.response.returned_rows"]} rows`;
		const lists = command === "STMT_EXECUTE" && request.body.encoding === "json" ? request.body.data : [];
		return line(command, asked, Array.isArray(lists) && Array.isArray(lists[0]) ? lists[0].length : 0, result);
	},
	ofMessages(messages) {
		const lines: string[] = [];
		/** The command whose answer is under way, and that. */
		let open: { readonly text: (result: string) => string; readonly answers: unknown[]; readonly name: string } | null =
			null;
		const finish = (): void => {
			if (open !== null) lines.push(open.text(resultOf(open.name, open.answers)));
			open = null;
		};
		for (const message of messages) {
			const asked = commandOf(message);
			if (asked === null) {
				if (message.dir === 1) open?.answers.push(message.tree);
				continue;
			}
			finish();
			const { name, tree } = asked;
			const statement = firstOf(tree, "mysql.stmt_id");
			const text = firstOf(tree, "mysql.query") ?? "";
			const parameters = valuesOf(tree, "mysql.field.type").length;
			const told = {
				"db.query.text": text,
				...(statement === null ? {} : { "mysql.statement_id": statement }),
			};
			open = { name, answers: [], text: (result) => line(name, told, parameters, result) };
			if (ONE_WAY.includes(name)) finish();
		}
		finish();
		return lines;
	},
};

function line(
	command: string,
	attributes: Readonly<Record<string, unknown>>,
	parameters: number,
	result: string,
): string {
	const statement = attributes["mysql.statement_id"];
	// which text belongs to a statement's number tshark does not say
	const what = statement === undefined ? short(String(attributes["db.query.text"] ?? "")) : `statement ${statement}`;
	const bound = parameters > 0 ? ` with ${parameters} parameters` : "";
	return `${command} ${what}${bound} → ${result}`;
}

function commandOf({ dir, tree }: DissectedMessage): { readonly name: string; readonly tree: unknown } | null {
	if (dir !== 0) return null;
	if (valuesOf(tree, "mysql.user").length > 0) return { name: "LOGIN", tree };
	const number = firstOf(tree, "mysql.command");
	return number === null ? null : { name: COMMANDS[number] ?? number, tree };
}

function resultOf(name: string, answers: readonly unknown[]): string {
	if (ONE_WAY.includes(name)) return "";
	const error = firstOf(answers, "mysql.error_code");
	if (error !== null) return `error ${error}`;
	if (name === "STMT_PREPARE") {
		const of = (field: string): string | null => firstOf(answers, `mysql.${field}`);
		return `statement ${of("stmt_id")}, ${of("num_params")} parameters, ${of("num_fields")} columns`;
	}
	if (firstOf(answers, "mysql.num_fields") === null) return `ok, ${firstOf(answers, "mysql.affected_rows")} affected`;
	const rows = answers.filter((answer) => JSON.stringify(answer).includes('"mysql.row.'));
	return `${valuesOf(answers, "mysql.field.name").join(" ")}, ${rows.length} rows`;
}
