/** The search for a model that isn't here yet: what was asked, and what came of it. Pure. */

import type { Offer } from "../api/types";

export interface Looking {
  /** what the offers answer; null for the shelf of good first models */
  readonly words: string | null;
  readonly busy: boolean;
  readonly offers: readonly Offer[];
  readonly failure: { readonly text: string; readonly hint: string | null } | null;
  /** the search that was begun last: answers to earlier ones come too late */
  readonly turn: number;
}

export type LookingChange =
  | { readonly type: "begun" }
  | { readonly type: "offered"; readonly turn: number; readonly words: string | null; readonly offers: readonly Offer[] }
  | { readonly type: "failed"; readonly turn: number; readonly text: string; readonly hint: string | null };

export const nothing: Looking = { words: null, busy: false, offers: [], failure: null, turn: 0 };

export function looked(state: Looking, change: LookingChange): Looking {
  if (change.type === "begun") return { ...state, busy: true, turn: state.turn + 1 };
  if (change.turn !== state.turn) return state;
  // What was offered before stays in view: without the hub the shelf is still there.
  if (change.type === "failed") return { ...state, busy: false, failure: { text: change.text, hint: change.hint } };
  return { ...state, busy: false, failure: null, words: change.words, offers: change.offers };
}
