/** `polytap completion bash|zsh`: a completion script, made of commander's own tree of commands and options. */
import type { Command } from "commander";

export const SHELLS = ["bash", "zsh"] as const;
export type Shell = (typeof SHELLS)[number];

/** For `source <(polytap completion bash)`. */
export function completion(shell: Shell, program: Command): string {
	const commands = program.commands.map((command) => ({
		name: command.name(),
		summary: command.description(),
		options: command.options.map(({ long, short, description, argChoices, required, optional, variadic }) => ({
			names: [short, long].filter((one) => one !== undefined && one !== null),
			summary: description,
			choices: argChoices ?? [],
			takesValue: required || optional || variadic,
		})),
		choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
	}));
	return shell === "bash" ? bash(commands) : zsh(commands);
}

interface CommandFacts {
	readonly name: string;
	readonly summary: string;
	readonly options: readonly {
		readonly names: readonly string[];
		readonly summary: string;
		readonly choices: readonly string[];
		readonly takesValue: boolean;
	}[];
	readonly choices: readonly string[];
}

function bash(commands: readonly CommandFacts[]): string {
	const names = commands.map(({ name }) => name).join(" ");
	const cases = commands.map(({ name, options, choices }) => {
		const words = [...options.flatMap((option) => option.names), ...choices].join(" ");
		const values = options
			.filter((option) => option.choices.length > 0)
			.map(({ names: flags, choices: of }) => `\t\t\t${flags.join("|")}) words="${of.join(" ")}" ;;`);
		const free = options.filter(({ takesValue, choices: of }) => takesValue && of.length === 0);
		const paths = free.length === 0 ? [] : [`\t\t\t${free.flatMap((option) => option.names).join("|")}) words="" ;;`];
		return [
			`\t\t${name})`,
			'\t\t\tcase "$before" in',
			...values,
			...paths,
			`\t\t\t*) words="${words}" ;;`,
			"\t\t\tesac",
			"\t\t\t;;",
		].join("\n");
	});
	return `# bash completion of polytap: source <(polytap completion bash)
_polytap() {
	local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" words=""
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="${names} --help --version"
	else
		case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _polytap polytap
`;
}

function zsh(commands: readonly CommandFacts[]): string {
	const described = commands.map(({ name, summary }) => `\t\t${quoted(`${name}:${summary}`)}`).join("\n");
	const cases = commands.map(({ name, options, choices }) => {
		const specs = options.flatMap(({ names, summary, choices: of, takesValue }) => {
			const value = of.length > 0 ? `:value:(${of.join(" ")})` : takesValue ? ":value:_files" : "";
			return names.map((flag) => quoted(`${flag}[${summary.replace(/[[\]:]/g, " ")}]${value}`));
		});
		const rest = quoted(choices.length > 0 ? `*:value:(${choices.join(" ")})` : "*:file:_files");
		return `\t\t${name}) _arguments ${[...specs, rest].join(" ")} ;;`;
	});
	return `#compdef polytap
# zsh completion of polytap: source <(polytap completion zsh)
_polytap() {
	local -a commands
	commands=(
${described}
	)
	if (( CURRENT == 2 )); then
		_describe command commands
		return
	fi
	local command="$words[2]"
	shift words
	(( CURRENT-- ))
	case "$command" in
${cases.join("\n")}
	esac
}
compdef _polytap polytap
`;
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
