import test from "node:test";
import { sourceChecks } from "polytap/testkit";
import plugin from "../src/index.js";

for (const { name, run } of sourceChecks(plugin, { config: () => ({ every_ms: 10 }) })) test(name, run);
