/** What all conversations may know: listed, added, changed, forgotten, switched on and off. */

import { api } from "../api/client";
import type { Memory } from "../api/types";
import { t } from "../i18n/index.svelte";
import { changing, inTurn, newest } from "./changes";
import { attempt, store, tell } from "./store.svelte";

/** As `fireside.memories.LONGEST_MEMORY`, in characters. */
export const LONGEST_MEMORY = 1000;

export async function memories(): Promise<void> {
  await attempt(async () => store.change({ type: "memories", memories: await newest(api.memories) }));
}

export async function switchMemories(on: boolean): Promise<void> {
  await attempt(async () => store.change({ type: "memories", memories: await inTurn("memories", () => api.switchMemories(on)) }));
}

/** Remember a text. Resolves to whether the server has it: only then may a field forget it. */
export async function remember(text: string): Promise<boolean> {
  const kept = await attempt(async () => {
    store.change({ type: "memory", memory: await changing(() => api.remember(text.trim())) });
    return true;
  });
  return kept ?? false;
}

/** The old text is given to nobody any more. Resolves to whether the new one was taken. */
export async function changeMemory(memory: Memory, text: string): Promise<boolean> {
  const changed = await attempt(async () => {
    store.change({ type: "memory", memory: await inTurn(memory.id, () => api.changeMemory(memory.id, text.trim())) });
    return true;
  });
  return changed ?? false;
}

/** Forget, in every conversation; the notice remembers the text again, as a new memory. */
export async function forget(memory: Memory): Promise<void> {
  await attempt(async () => {
    await inTurn(memory.id, () => api.forget(memory.id));
    store.change({ type: "memory gone", id: memory.id });
    tell({ kind: "done", text: t("memories.forgotten"), action: { label: t("undo"), run: () => void remember(memory.text) } });
  });
}
