/** What is being written, for each chat: kept until the server has it, across reloads too. */

import { MediaQuery } from "svelte/reactivity";

import type { Attachment } from "../api/types";
import { ask, begin, type Beginning } from "./answering";
import { begun, choosing, chosen } from "./choosing.svelte";
import { rejoined } from "./composing";
import { drafts } from "./preferences.svelte";
import { attempt, store } from "./store.svelte";
import { typed, typedEnough } from "./typing";

interface Draft {
  readonly text: string;
  readonly files: readonly Attachment[];
}

/** Where what is written belongs; a temporary chat's words never reach the disk. */
export interface Place {
  readonly id: string;
  readonly kept: boolean;
}

/** Where a chat is written that doesn't exist yet. */
export const NEW: Place = { id: "new", kept: true };
export const TEMPORARY: Place = { id: "temporary", kept: false };

const EMPTY: Draft = { text: "", files: [] };
const written = new Map<string, Draft>();

let place = $state.raw<Place>({ id: "", kept: false });
let draft = $state.raw<Draft>(EMPTY);
let sending = $state.raw<Place | null>(null);

const read = ({ id, kept }: Place): Draft =>
  written.get(id) ?? (kept ? { text: drafts.read(id), files: drafts.files(id) } : EMPTY);

function keep({ id, kept }: Place, next: Draft): void {
  const before = written.get(id);
  written.set(id, next);
  if (!kept) return;
  drafts.keep(id, next.text);
  if (next.files !== before?.files) drafts.keepFiles(id, next.files);
}

/** A chat that turned out to be a temporary one leaves nothing behind. */
function forget(id: string): void {
  drafts.keep(id, "");
  drafts.keepFiles(id, []);
}

function write(change: Partial<Draft>): void {
  draft = { ...draft, ...change };
  keep(place, draft);
}

export const composing = {
  get text(): string {
    return draft.text;
  },
  set text(text: string) {
    write({ text });
    // Files go before the words, and aren't told.
    if (place.id === store.state.open?.conversation.id && !draft.files.length) typed(text);
    else typedEnough();
  },
  get files(): readonly Attachment[] {
    return draft.files;
  },
  set files(files: readonly Attachment[]) {
    write({ files });
  },
  get sending(): boolean {
    return sending !== null;
  },
  get empty(): boolean {
    return !draft.text.trim() && !draft.files.length;
  },

  /** Show what was written in another place. */
  show(at: Place): void {
    if (at.id === place.id && at.kept === place.kept) return;
    // A chat that begins with what is being sent takes along what was written since.
    const along = sending === place && store.state.open?.conversation.id === at.id;
    if (at.id === place.id && !at.kept) forget(at.id);
    place = at;
    if (along) keep(at, draft);
    else draft = read(at);
  },

  /** Send what is written. Until the server has it, it stays on the disk; where it fails, it comes back. */
  async send(beginning: Beginning): Promise<void> {
    if (this.empty || sending) return;
    typedEnough();
    const [sent, from] = [draft, place];
    sending = from;
    draft = EMPTY;
    const posted = await attempt(async () => {
      if (!store.state.open) {
        const { wishes } = choosing;
        await begin(beginning);
        begun(wishes);
      }
      await chosen();
      return await ask({ text: sent.text, files: sent.files }, beginning);
    });
    sending = null;
    settle(from, sent, posted ?? false);
  },
};

function settle(from: Place, sent: Draft, posted: boolean): void {
  const began = (from.id === NEW.id || from.id === TEMPORARY.id) && store.state.open?.conversation.id === place.id;
  const here = from.id === place.id || began;
  const since = here ? draft : EMPTY;
  const left = posted ? since : { text: rejoined(sent.text, since.text), files: [...sent.files, ...since.files] };
  keep(from, EMPTY);
  keep(here ? place : from, left);
  if (here) draft = left;
}

const touched = new MediaQuery("(hover: none) and (pointer: coarse)");

/** Whether words are typed on a screen: there Enter makes a line, and no field takes the focus by itself. */
export const keyboard = {
  get touch(): boolean {
    return touched.current;
  },
};
