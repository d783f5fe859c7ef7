/** What claims to be later, or before 1970, is no time: 2112, after which the classic format ends as well. */
const MAX_TIME_US = 2 ** 52;

/** Turns an interface's 64-bit ticks into microseconds since the epoch, exactly rounded down. */
export class TickClock {
	readonly #offsetUs: number;
	/** A power of ten: ticks in a microsecond; 0: another resolution. */
	readonly #perUs: number;
	readonly #ticksPerSecond: bigint;

	/** `resolution` as the option `if_tsresol` has it: negative powers of 10, or of 2 with the high bit set. */
	constructor(resolution: number, offsetSecs: number) {
		this.#offsetUs = offsetSecs * 1_000_000;
		const exponent = resolution & 0x7f;
		const isDecimal = resolution < 0x80;
		this.#perUs = isDecimal && exponent >= 6 && exponent <= 12 ? 10 ** (exponent - 6) : 0;
		this.#ticksPerSecond = (isDecimal ? 10n : 2n) ** BigInt(exponent);
	}

	/** The upper and lower 32 bits of the ticks. */
	toUs(high: number, low: number): number {
		const perUs = this.#perUs;
		if (perUs === 1) return bounded(this.#offsetUs + high * 4_294_967_296 + low);
		if (perUs !== 0) {
			// 2^64 ticks are more than a number holds exactly: divide the halves
			const whole = Math.floor(4_294_967_296 / perUs);
			const rest = 4_294_967_296 - whole * perUs;
			return bounded(this.#offsetUs + high * whole + Math.floor((high * rest + low) / perUs));
		}
		const ticks = (BigInt(high) << 32n) | BigInt(low);
		return bounded(this.#offsetUs + Number((ticks * 1_000_000n) / this.#ticksPerSecond));
	}
}

function bounded(timeUs: number): number {
	return timeUs < 0 ? 0 : timeUs > MAX_TIME_US ? MAX_TIME_US : timeUs;
}
