/** Conversations under the day on which something was said in them last, as a person remembers them. Pure. */

import type { Conversation } from "../api/types";

export type Day =
  | { readonly kind: "pinned" | "today" | "yesterday" | "week" }
  | { readonly kind: "month"; readonly year: number; /** 1 is January */ readonly month: number };

export interface Group {
  /** unlike any other's of the same list */
  readonly key: string;
  readonly day: Day;
  readonly conversations: readonly Conversation[];
}

const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;

interface CalendarDate {
  readonly year: number;
  readonly month: number;
  /** days since 1970-01-01 by the calendar of the zone, so that a day of 23 or 25 hours is one day */
  readonly number: number;
}

/** Return what tells the calendar date of a moment in `zone`; undefined is this device's own. */
export function calendar(zone?: string): (ms: number) => CalendarDate {
  const format = new Intl.DateTimeFormat("en-US", {
    calendar: "gregory", numberingSystem: "latn", year: "numeric", month: "numeric", day: "numeric", ...(zone && { timeZone: zone }),
  });
  return (ms) => {
    const part = { year: 0, month: 0, day: 0 };
    for (const { type, value } of format.formatToParts(ms)) {
      if (type === "year" || type === "month" || type === "day") part[type] = Number(value);
    }
    return { year: part.year, month: part.month, number: Date.UTC(part.year, part.month - 1, part.day) / DAY_MS };
  };
}

/** Return `conversations` in their order, in groups; a clock that was wrong puts what is to come under today. */
export function byDay(conversations: readonly Conversation[], now_ms: number, zone?: string): readonly Group[] {
  const dateOf = calendar(zone);
  const today = dateOf(now_ms).number;
  const groups = new Map<string, { key: string; day: Day; conversations: Conversation[] }>();
  for (const conversation of conversations) {
    const day = conversation.pinned ? ({ kind: "pinned" } as const) : dayOf(dateOf(conversation.updated_at), today);
    const key = day.kind === "month" ? `${day.year}-${day.month}` : day.kind;
    const group = groups.get(key);
    if (group) group.conversations.push(conversation);
    else groups.set(key, { key, day, conversations: [conversation] });
  }
  return [...groups.values()];
}

function dayOf(date: CalendarDate, today: number): Day {
  const ago = today - date.number;
  if (ago <= 0) return { kind: "today" };
  if (ago === 1) return { kind: "yesterday" };
  if (ago <= WEEK_DAYS) return { kind: "week" };
  return { kind: "month", year: date.year, month: date.month };
}
