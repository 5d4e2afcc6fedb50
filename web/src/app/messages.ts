/** What one can do with a message that is there: edit, pin, delete, and look behind it. */

import { api } from "../api/client";
import type { Message } from "../api/types";
import { t } from "../i18n/index.svelte";
import { filesOf } from "../state/tree";
import { ask } from "./answering";
import { inTurn } from "./changes";
import { open } from "./conversations";
import { attempt, store, tell } from "./store.svelte";

/**
 * Say it differently: a person's message is asked anew beside the old one, a reply gets a person's version
 * beside it. Resolves to whether it was taken.
 */
export async function edit(message: Message, text: string): Promise<boolean> {
  if (message.role === "user") {
    const again = { text, files: filesOf(message), parentId: message.parent_id };
    return await ask(again, { defaults: {}, temporary: false });
  }
  const edited = await attempt(async () => {
    const beside = await inTurn(message.conversation_id, () => api.edit(message.id, text));
    store.change({ type: "messages", messages: [beside], head: beside.id });
    return true;
  });
  return edited ?? false;
}

/** A pinned message is always given to the model word for word. */
export async function pin(message: Message, pinned: boolean): Promise<void> {
  await attempt(async () => {
    const changed = await inTurn(message.conversation_id, () => api.changeMessage(message.id, { pinned }));
    store.change({ type: "messages", messages: [changed] });
  });
}

/** Put a message and all after it into the trash; the notice takes it out again. */
export async function removeMessage(message: Message): Promise<void> {
  const head = store.state.open?.conversation.head_id ?? null;
  await attempt(async () => {
    const conversation = await inTurn(message.conversation_id, () => api.removeMessage(message.id));
    store.change({ type: "message gone", id: message.id, head: conversation.head_id });
    store.change({ type: "conversation", conversation });
    tell({ kind: "done", text: t("thread.deleted"), action: { label: t("undo"), run: () => void restoreMessage(message, head) } });
  });
}

async function restoreMessage(message: Message, head: string | null): Promise<void> {
  await attempt(async () => {
    const conversation = await inTurn(message.conversation_id, () => api.restoreMessage(message.id, head));
    store.change({ type: "conversation", conversation });
    // What came back is the server's to say: there may be branches in it that were never shown.
    if (store.state.open?.conversation.id === conversation.id) await open(conversation.id);
  });
}

/** Fetch what the model was given for a reply, once. */
export async function lookBehind(message: Message): Promise<void> {
  if (store.state.receipts[message.id]) return;
  await attempt(async () => store.change({ type: "receipt", id: message.id, receipt: await api.receipt(message.id) }));
}
