/** Which records of a spool are done with: all below `next`, and some beyond it where sinks write in several lanes. */
export class Progress {
	next: number;
	/** Changes whenever the rest does. */
	version = 0;
	private readonly beyond: Set<number>;

	constructor(next = 0, beyond: Iterable<number> = []) {
		this.next = next;
		this.beyond = new Set();
		for (const sequence of beyond) this.mark(sequence);
	}

	isDone(sequence: number): boolean {
		return sequence < this.next || this.beyond.has(sequence);
	}

	mark(sequence: number): void {
		if (this.isDone(sequence)) return;
		this.version++;
		if (sequence !== this.next) {
			this.beyond.add(sequence);
			return;
		}
		this.next++;
		this.absorb();
	}

	/** Everything below `sequence` is done with or gone. */
	skipTo(sequence: number): void {
		if (sequence <= this.next) return;
		this.version++;
		for (const one of this.beyond) if (one < sequence) this.beyond.delete(one);
		this.next = sequence;
		this.absorb();
	}

	/** How many below `end` are not done. */
	waiting(end: number): number {
		return Math.max(0, end - this.next - this.beyond.size);
	}

	/** One more than the last that is known to be done. */
	get end(): number {
		let end = this.next;
		for (const one of this.beyond) end = Math.max(end, one + 1);
		return end;
	}

	/** What is done beyond `next`: how many are not, how many are, and so on. */
	runs(): number[] {
		const runs: number[] = [];
		let at = this.next;
		let last = -1;
		for (const one of [...this.beyond].sort((a, b) => a - b)) {
			if (one === last + 1 && runs.length > 0) runs[runs.length - 1]!++;
			else runs.push(one - at, 1);
			last = one;
			at = one + 1;
		}
		return runs;
	}

	static ofRuns(next: number, runs: readonly number[]): Progress {
		const beyond: number[] = [];
		let at = next;
		for (let i = 0; i + 1 < runs.length; i += 2) {
			at += runs[i]!;
			for (let left = runs[i + 1]!; left > 0; left--) beyond.push(at++);
		}
		return new Progress(next, beyond);
	}

	private absorb(): void {
		while (this.beyond.delete(this.next)) this.next++;
	}
}
