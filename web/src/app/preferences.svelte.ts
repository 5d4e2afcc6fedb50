/** What this browser remembers: looks and drafts, never a key. A browser may forbid even that. */

import type { Answering, Attachment } from "../api/types";

export type Theme = "system" | "light" | "dark";

interface Preferences {
  theme: Theme;
  language: string | null;
  sidebar: boolean;
  /** whether Enter sends; otherwise Enter makes a line and Ctrl-Enter sends */
  enterSends: boolean;
  /** how answers are made in every new chat of this browser, where neither persona nor chat say more */
  habits: Answering;
}

const KEY = "fireside.preferences";
const DRAFTS = "fireside.draft.";
const FILES = "fireside.files.";
const USUAL: Preferences = { theme: "system", language: null, sidebar: true, enterSends: true, habits: {} };

function read(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>;
  } catch {
    return {};
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Private windows and full storages keep nothing; the page works without.
    if (value !== null) write(key, null);
  }
}

export const preferences = $state<Preferences>({ ...USUAL, ...read() });

export function prefer(change: Partial<Preferences>): void {
  // Another tab may have changed something since: what isn't changed here stays as it is there.
  Object.assign(preferences, read(), change);
  write(KEY, JSON.stringify(preferences));
}

/** What was typed and not sent, per conversation; `new` for the one that doesn't exist yet. */
export const drafts = {
  read(id: string): string {
    try {
      return localStorage.getItem(DRAFTS + id) ?? "";
    } catch {
      return "";
    }
  },
  keep(id: string, text: string): void {
    write(DRAFTS + id, text || null);
  },
  /** The text files that were to go with it. A browser keeps a few megabytes: more is lost with the tab. */
  files(id: string): readonly Attachment[] {
    try {
      return JSON.parse(localStorage.getItem(FILES + id) ?? "[]") as readonly Attachment[];
    } catch {
      return [];
    }
  },
  /** Forget all of them. */
  forget(): void {
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFTS) || key.startsWith(FILES)) localStorage.removeItem(key);
    } catch {
      // Nothing is kept where the browser keeps nothing.
    }
  },
  keepFiles(id: string, files: readonly Attachment[]): void {
    write(FILES + id, files.length ? JSON.stringify(files) : null);
  },
};
