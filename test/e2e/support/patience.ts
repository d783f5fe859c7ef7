/** How much slower than a usual one this machine is: an emulated one has POLYTAP_TEST_PATIENCE=10. Read here and nowhere else. */
const PATIENCE = Math.max(1, Number(process.env.POLYTAP_TEST_PATIENCE ?? 1) || 1);

/** A wait or a limit of the tests, in milliseconds, as long as this machine needs. */
export function patient(ms: number): number {
	return ms * PATIENCE;
}
