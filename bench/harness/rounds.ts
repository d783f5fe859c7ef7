/**
 * Runs every kind once a round, each round beginning with another one, so that neither a slow change of the machine nor
 * a place in the order favours anybody. Returns results by kind, in the order of the rounds.
 */
export async function interleave<K extends { readonly name: string }, R>(
	kinds: readonly K[],
	rounds: number,
	measure: (kind: K, round: number) => Promise<R>,
): Promise<Map<string, R[]>> {
	const results = new Map<string, R[]>(kinds.map((kind) => [kind.name, []]));
	for (let round = 0; round < rounds; round++) {
		for (const kind of inTurn(kinds, round)) {
			process.stderr.write(`round ${round + 1} of ${rounds}: ${kind.name} `);
			const result = await measure(kind, round);
			process.stderr.write("\n");
			results.get(kind.name)!.push(result);
		}
	}
	return results;
}

/** All of them, beginning with another one each round. */
export function inTurn<K>(kinds: readonly K[], round: number): readonly K[] {
	return kinds.map((_, i) => kinds[(round + i) % kinds.length]!);
}
