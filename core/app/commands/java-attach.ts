/** `polytap java attach`: the agent into a JVM that runs already. */
import { type AttachOptions, agentJar, attach } from "../../../sources/java-agent/attach/attach.js";

/** Resolves with what to print; rejects with JAVA_ATTACH_REFUSED, JAVA_ATTACH_FAILED or JAVA_AGENT_MISSING. */
export async function javaAttach(pid: number, options: Omit<AttachOptions, "jar">): Promise<string> {
	const { jar, version } = await attach(pid, { ...options, jar: agentJar() });
	return `process ${pid} (${version}) loaded ${jar}; its agent connects to ${options.listen}\n`;
}
