/** `polytap doctor`: what this machine can do. */

export interface Diagnosis {
	readonly text: string;
	/** 0, or 3 where nothing can be captured live. */
	readonly exitCode: number;
}

export async function doctor(json: boolean): Promise<Diagnosis> {
	const report = { node: process.version, platform: `${process.platform} ${process.arch}` };
	const text = json ? `${JSON.stringify(report, null, "\t")}\n` : `Node.js ${report.node} on ${report.platform}\n`;
	return { text, exitCode: 0 };
}
