/** Writes to its standard output; exits with 1 where the sink breaks its contract. */
import { checkSink } from "polytap/testkit";
import consolePlugin from "../../../sinks/console/index.js";

for (const format of ["line", "pretty"]) await checkSink(consolePlugin, { world: () => ({ config: { format } }) });
