/** Numbers as a person reads them, in the language in use. */

import { language, t } from "./index.svelte";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
/** English texts have about so many words for their tokens. */
const WORDS_PER_TOKEN = 0.75;

/** Return a time: 240 ms, 1.2 s, 14 s, 3 min. */
export function time(ms: number): string {
  if (ms < SECOND_MS) return t("time.ms", { n: Math.round(ms) });
  if (ms < 10 * SECOND_MS) return t("time.s", { n: Math.round(ms / 100) / 10 });
  if (ms < 2 * MINUTE_MS) return t("time.s", { n: Math.round(ms / SECOND_MS) });
  return t("time.min", { n: Math.round(ms / MINUTE_MS) });
}

export const share = (part: number): string =>
  new Intl.NumberFormat(language.code, { style: "percent", maximumFractionDigits: 0 }).format(part);

export const number = (value: number): string => new Intl.NumberFormat(language.code).format(value);

export const bytes = (value: number): string =>
  new Intl.NumberFormat(language.code, { style: "unit", unit: "megabyte", maximumFractionDigits: value < 10e6 ? 1 : 0 }).format(value / 1e6);

export const wordsPerSecond = (tokens: number): number => {
  const words = tokens * WORDS_PER_TOKEN;
  return words < 10 ? Math.round(words * 10) / 10 : Math.round(words);
};
