/** What is being typed is told to the server, so that the model has read it when it is sent. It is kept nowhere. */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import { store } from "./store.svelte";

/** Whoever stops for so long may be at the end of the question. */
const PAUSE_MS = 400;
/** The same, where a sentence ends. */
const SENTENCE_MS = 100;
/** Whole words are told so often while somebody types on. */
const EVERY_MS = 1000;
/** Characters: who pastes more waits for it. */
const LONGEST = 32_000;

/** Without the last, unfinished word. */
export const wholeWords = (text: string): string => /^[^]*\s/.exec(text)?.[0] ?? "";
export const pauseAfter = (text: string): number => (/[.?!。？！]\s*$/.test(text) ? SENTENCE_MS : PAUSE_MS);

/** Where it is typed, what was told there, and whether more is wanted. */
interface Telling {
  readonly id: string;
  readonly head: string | null;
  told: string;
  at: number;
  wanted: boolean;
}

let timer: ReturnType<typeof setTimeout> | undefined;
let telling: Telling | null = null;

/** Hear what stands in the composer of the open chat: whole words are told now and then, all of it at each pause. */
export function typed(text: string): void {
  clearTimeout(timer);
  const here = current();
  if (!here?.wanted || text.length > LONGEST) return;
  const words = wholeWords(text);
  if (words.length > here.told.length && performance.now() >= here.at + EVERY_MS) void tell(here, words);
  timer = setTimeout(() => {
    if (current() === here) void tell(here, text);
  }, pauseAfter(text));
}

/** Tell nothing more: it is being sent, or something goes with it that can't be told. */
export function typedEnough(): void {
  clearTimeout(timer);
}

/** Return what is told where one types now: elsewhere, and after another message, it begins anew. */
function current(): Telling | null {
  const open = store.state.open?.conversation;
  if (!open) return null;
  const head = open.head_id ?? null;
  if (telling?.id !== open.id || telling.head !== head) {
    telling = { id: open.id, head, told: "", at: Number.NEGATIVE_INFINITY, wanted: true };
  }
  return telling;
}

async function tell(here: Telling, text: string): Promise<void> {
  if (!here.wanted || text === here.told) return;
  here.told = text;
  here.at = performance.now();
  try {
    here.wanted = (await api.typing(here.id, { text, parent_id: here.head })).reads;
  } catch (error) {
    // Whoever sends it is told what is wrong.
    if (!(error instanceof ApiError)) throw error;
  }
}
