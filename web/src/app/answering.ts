/** Asking, and everything that one can do with a message. */

import { api, type NewMessage } from "../api/client";
import type { Answering, Message } from "../api/types";
import { leafUnder } from "../state/tree";
import { t } from "../i18n/index.svelte";
import { changing, inTurn, newest, unsettled } from "./changes";
import { look } from "./conversations";
import { go, to } from "./routes.svelte";
import { attempt, store, tell } from "./store.svelte";
import { watchAll } from "./watching";

/** What the next conversation will begin with. */
export interface Beginning {
  readonly defaults: Answering;
  readonly temporary: boolean;
}

/** Ask. Resolves to whether the server has the words: only then may the composer forget them. */
export async function ask(message: NewMessage, beginning: Beginning): Promise<boolean> {
  const posted = await attempt(async () => {
    const id = store.state.open?.conversation.id ?? (await begin(beginning));
    const { message: asked, reply } = await inTurn(id, () => api.post(id, message));
    store.change({ type: "messages", messages: [asked, reply], head: reply.id });
    watchAll();
    void look(id);
    return true;
  });
  return posted ?? false;
}

/** Make the conversation only with its first message: nobody keeps empty ones. */
export async function begin({ defaults, temporary }: Beginning): Promise<string> {
  const conversation = await changing(() => api.create({ defaults, temporary }));
  store.change({ type: "opened", tree: await newest(() => api.tree(conversation.id)) });
  go(to.chat(conversation.id), { replace: true });
  return conversation.id;
}

export async function regenerate(message: Message, how: Answering = {}): Promise<void> {
  await answered(message, () => api.regenerate(message.id, how));
}

export async function goOn(message: Message): Promise<void> {
  await answered(message, () => api.goOn(message.id));
}

async function answered(message: Message, start: () => Promise<{ reply: Message }>): Promise<void> {
  await attempt(async () => {
    const { reply } = await inTurn(message.conversation_id, start);
    store.change({ type: "messages", messages: [reply], head: reply.id });
    watchAll();
  });
}

export async function stop(id: string): Promise<void> {
  store.change({ type: "stopping", id });
  await attempt(async () => {
    const { reply } = await api.stop(id);
    store.change({ type: "ended", message: reply });
  });
}

/** Show the branch on which `id` lies, down to its newest end. */
export async function showBranch(id: string): Promise<void> {
  const open = store.state.open;
  if (!open) return;
  const head = leafUnder(open.messages, id);
  const chat = open.conversation.id;
  await attempt(async () => {
    store.change({ type: "conversation", conversation: { ...open.conversation, head_id: head } });
    const conversation = await inTurn(chat, () => api.change(chat, { head_id: head }));
    // Who goes on to the next version at once is not to see this one flash by.
    if (!unsettled(chat)) store.change({ type: "conversation", conversation });
  });
}

export async function copy(text: string): Promise<void> {
  if (await toClipboard(text)) tell({ kind: "done", text: t("copied") });
  else tell({ kind: "error", text: t("copyFailed"), hint: t("copyFailedHint") });
}

/** Plain http beyond loopback has no clipboard: an invisible field that is copied from does it there. */
async function toClipboard(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, or the page isn't in front: try the old way.
    }
  }
  const field = document.createElement("textarea");
  const before = document.activeElement;
  field.value = text;
  field.readOnly = true;
  field.className = "offscreen";
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}
