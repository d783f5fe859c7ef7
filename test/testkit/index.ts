/** The test kit for plugins: `import { checkParser } from "polytap/testkit"`. It needs no particular test runner. */
export { ContractBreach } from "./breach.js";
export type { Check } from "./check.js";
export { type Clause, CONTRACT } from "./contract.js";
export { checkParser, parserChecks } from "./parser/checks.js";
export type { Conversation, Step } from "./parser/conversation.js";
export type { ParserKitOptions } from "./parser/options.js";
export { checkSink, type SinkKitOptions, type SinkWorld, sinkChecks } from "./sink/checks.js";
export { sampleExchanges } from "./sink/samples.js";
export { checkSource, type SourceKitOptions, sourceChecks } from "./source/checks.js";
