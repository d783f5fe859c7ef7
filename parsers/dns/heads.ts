import { type AttributeValue, MessageHead } from "../../core/index.js";
import type { Message } from "./message.js";
import { className, opcodeName, responseCodeName, typeName } from "./names.js";

/** Names of OpenTelemetry's registry where there are some: `dns.question.name`, `dns.answers`, `dns.response_code` is ours. */
export function headOf(message: Message): MessageHead {
	const { id, opcode, questions, flags, edns, isResponse, responseCode, answers } = message;
	const question = questions[0];
	const attributes: Record<string, AttributeValue> = { "dns.id": id, "dns.opcode": opcodeName(opcode) };
	if (question !== undefined) {
		attributes["dns.question.name"] = question.name;
		attributes["dns.question.type"] = typeName(question.type);
		attributes["dns.question.class"] = className(question.class);
	}
	if (flags.length > 0) attributes["dns.flags"] = flags;
	if (isResponse) {
		attributes["dns.response_code"] = responseCodeName(responseCode);
		if (answers.length > 0) attributes["dns.answers"] = answers;
	}
	if (edns !== null) {
		attributes["dns.edns.version"] = edns.version;
		attributes["dns.edns.udp_size"] = edns.udpSize;
		if (edns.wantsSecurity) attributes["dns.edns.do"] = true;
		if (edns.options.length > 0) attributes["dns.edns.options"] = edns.options;
		if (edns.clientSubnet !== null) attributes["dns.edns.client_subnet"] = edns.clientSubnet;
	}
	return new MessageHead(isResponse ? answerSummary(message) : questionSummary(message), attributes, []);
}

function questionSummary({ opcode, questions }: Message): string {
	const question = questions[0];
	const asked = question === undefined ? "" : `${typeName(question.type)} ${question.name}`;
	return opcode === 0 ? asked : `${opcodeName(opcode)} ${asked}`.trimEnd();
}

function answerSummary({ responseCode, answers }: Message): string {
	return answers.length === 0 ? responseCodeName(responseCode) : `${responseCodeName(responseCode)} ${answers.length}`;
}
