/** What the palette offers for the words that were typed. Pure. */

import type { Conversation } from "../api/types";

const RECENT = 5;
const TITLES = 8;

/** Whether every word of `typed` is in `name`, in any order and case. */
export function named(name: string, typed: string): boolean {
  const text = name.toLocaleLowerCase();
  return typed.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/**
 * Return the chats to offer: the latest ones while nothing is typed; then those of `listed` whose
 * title has the words, and after them those of `found`, in which the words were said.
 */
export function offered(
  typed: string, listed: readonly Conversation[], found: readonly Conversation[],
): readonly Conversation[] {
  const words = typed.trim();
  if (!words) return [...listed].sort((a, b) => b.updated_at - a.updated_at).slice(0, RECENT);
  const titled = listed.filter(({ title }) => named(title, words)).slice(0, TITLES);
  const known = new Set(titled.map(({ id }) => id));
  return [...titled, ...found.filter(({ id }) => !known.has(id))].slice(0, TITLES);
}
