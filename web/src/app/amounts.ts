/** Amounts as people read them. Pure. */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Return a size in decimal units, as file managers and download pages show it. */
export function sizeText(bytes: number, language: string): string {
  let at = 0;
  let amount = bytes;
  // 999.95 of a unit would be shown as 1,000 of it.
  while (amount >= 999.95 && at < UNITS.length - 1) {
    amount /= 1000;
    at += 1;
  }
  const digits = at === 0 || amount >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language, { style: "unit", unit: UNITS[at] ?? "byte", unitDisplay: at ? "short" : "long", maximumFractionDigits: digits }).format(amount);
}

/** Return a time to wait: seconds up to a minute and a half, then minutes, then hours. */
export function waitText(seconds: number, language: string): string {
  const [unit, amount] = seconds < 90 ? (["second", seconds] as const) : seconds < 5400 ? (["minute", seconds / 60] as const) : (["hour", seconds / 3600] as const);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.max(1, Math.round(amount)));
}

/** Return a count of parameters as it stands in models' names: 135M, 7.2B. */
export const countText = (count: number, language: string): string =>
  new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 }).format(count);

/** Return a day and time: the clock alone for today. */
export function timeText(at_ms: number, language: string, now = Date.now()): string {
  const today = new Date(at_ms).toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(language, today ? { timeStyle: "short" } : { dateStyle: "medium" }).format(at_ms);
}

/** Return the names of languages, in the reader's own; a tag that nobody knows stays as it is. */
export function languagesText(tags: readonly string[], language: string): string {
  const names = new Intl.DisplayNames(language, { type: "language", fallback: "code" });
  const name = (tag: string) => {
    try {
      const found = names.of(tag);
      return found && found.toLowerCase() !== tag.toLowerCase() ? found : tag;
    } catch {
      return tag;
    }
  };
  return new Intl.ListFormat(language, { type: "unit" }).format(tags.map(name));
}
