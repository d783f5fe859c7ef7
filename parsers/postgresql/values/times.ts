import { bigInt64, int32 } from "./integers.js";

/** Days from 0000-03-01 to 2000-01-01 in the proleptic Gregorian calendar, where leap days are last. */
const DAYS_TO_2000 = 730_425;
const DAYS_OF_400_YEARS = 146_097;
const DAY_US = 86_400_000_000n;
const LATEST = 0x7fff_ffff_ffff_ffffn;
const EARLIEST = -0x8000_0000_0000_0000n;

/** Days since 2000-01-01 as the server writes them. */
export function dateText(days: number): string {
	if (days === 0x7fff_ffff) return "infinity";
	if (days === -0x8000_0000) return "-infinity";
	const { date, isBc } = civil(days);
	return isBc ? `${date} BC` : date;
}

/** Microseconds since 2000-01-01 00:00:00, with `zone` after the time. */
export function timestampText(bytes: Uint8Array, at: number, zone: string): string {
	const us = bigInt64(bytes, at);
	if (us === LATEST) return "infinity";
	if (us === EARLIEST) return "-infinity";
	const ofDay = ((us % DAY_US) + DAY_US) % DAY_US;
	const { date, isBc } = civil(Number((us - ofDay) / DAY_US));
	return `${date} ${clock(Number(ofDay))}${zone}${isBc ? " BC" : ""}`;
}

/** Microseconds since midnight. */
export function timeText(bytes: Uint8Array, at: number): string {
	return clock(Number(bigInt64(bytes, at)));
}

/** Microseconds since midnight, and seconds west of Greenwich. */
export function timetzText(bytes: Uint8Array, at: number): string {
	const east = -int32(bytes, at + 8);
	const seconds = Math.abs(east);
	let zone = `${east < 0 ? "-" : "+"}${two(Math.floor(seconds / 3600))}`;
	if (seconds % 3600 !== 0) zone += `:${two(Math.floor(seconds / 60) % 60)}`;
	if (seconds % 60 !== 0) zone += `:${two(seconds % 60)}`;
	return timeText(bytes, at) + zone;
}

/** Microseconds, days and months, in the style `postgres`. */
export function intervalText(bytes: Uint8Array, at: number): string {
	const us = bigInt64(bytes, at);
	const days = int32(bytes, at + 8);
	const months = int32(bytes, at + 12);
	if (us === LATEST && days === 0x7fff_ffff && months === 0x7fff_ffff) return "infinity";
	if (us === EARLIEST && days === -0x8000_0000 && months === -0x8000_0000) return "-infinity";
	const parts: string[] = [];
	let wasNegative = false;
	const add = (value: number, unit: string): void => {
		if (value === 0) return;
		parts.push(`${wasNegative && value > 0 ? "+" : ""}${value} ${unit}${value === 1 ? "" : "s"}`);
		wasNegative = value < 0;
	};
	add(Math.trunc(months / 12), "year");
	add(months % 12, "mon");
	add(days, "day");
	if (us !== 0n || parts.length === 0) {
		const sign = us < 0n ? "-" : wasNegative ? "+" : "";
		parts.push(sign + clock(Number(us < 0n ? -us : us)));
	}
	return parts.join(" ");
}

function civil(daysSince2000: number): { readonly date: string; readonly isBc: boolean } {
	const days = daysSince2000 + DAYS_TO_2000;
	const era = Math.floor(days / DAYS_OF_400_YEARS);
	const ofEra = days - era * DAYS_OF_400_YEARS;
	const yearOfEra = Math.floor(
		(ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
	);
	const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
	const fromMarch = Math.floor((5 * ofYear + 2) / 153);
	const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
	const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
	const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
	const isBc = year <= 0;
	return { date: `${String(isBc ? 1 - year : year).padStart(4, "0")}-${two(month)}-${two(day)}`, isBc };
}

function clock(us: number): string {
	const seconds = Math.floor(us / 1_000_000);
	const fraction = us - seconds * 1_000_000;
	const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
	return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`;
}

function two(value: number): string {
	return value < 10 ? `0${value}` : String(value);
}
