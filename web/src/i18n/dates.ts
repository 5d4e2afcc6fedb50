/** Times and amounts in the words of the language in use. */

import type { Day } from "../state/days";
import { language, t } from "./index.svelte";

const DAY_MS = 86_400_000;

/** Return the heading over the chats of a day. */
export function dayName(day: Day): string {
  if (day.kind !== "month") return t(`chats.${day.kind}`);
  const month = new Intl.DateTimeFormat(language.code, { year: "numeric", month: "long", timeZone: "UTC" });
  return month.format(Date.UTC(day.year, day.month - 1));
}

/** Return when something was, as precisely as it matters: the time on the same day, else the date. */
export function when(ms: number, now_ms = Date.now()): string {
  const near = Math.abs(now_ms - ms) < DAY_MS;
  const format = near ? ({ hour: "numeric", minute: "2-digit" } as const) : ({ dateStyle: "medium" } as const);
  return new Intl.DateTimeFormat(language.code, format).format(ms);
}

/** Return how long something takes, in whole seconds or minutes. */
export function duration(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  const [amount, unit] = s < 100 ? [s, "second"] : [Math.round(s / 60), "minute"];
  return new Intl.NumberFormat(language.code, { style: "unit", unit, unitDisplay: "long" }).format(amount);
}
