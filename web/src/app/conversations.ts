/** Opening, finding, changing and removing conversations. */

import { api, type Change } from "../api/client";
import { ApiError } from "../api/errors";
import type { Conversation } from "../api/types";
import { t } from "../i18n/index.svelte";
import { changing, inTurn, newest } from "./changes";
import { go, route, to } from "./routes.svelte";
import { attempt, report, store, tell } from "./store.svelte";
import { watchAll } from "./watching";

const PAGE = 60;
const HITS = 30;
const FOUND = 8;

export async function list({ more = false, trash = false } = {}): Promise<void> {
  const listing = trash ? store.state.trash : store.state.listing;
  const cursor = more ? listing.nextCursor : null;
  if (more && cursor === null) return;
  await attempt(async () => {
    const page = await newest(() => api.conversations({ limit: PAGE, trash, ...(cursor !== null && { cursor }) }));
    store.change({ type: "listed", page, trash, more });
  });
}

/** List the newest again; how far somebody has scrolled is kept. */
export async function refresh(): Promise<void> {
  await attempt(async () => store.change({ type: "refreshed", page: await newest(() => api.conversations({ limit: PAGE })) }));
}

/** A reply has ended: how warm its chat is now is the server's to say. A temporary one is in no list. */
export async function settle(id: string): Promise<void> {
  const open = store.state.open?.conversation;
  await (open?.id === id && open.temporary ? look(id) : refresh());
}

/** Look at one conversation again: its first message gives it a title, and a reply makes it warm. */
export async function look(id: string): Promise<void> {
  await attempt(async () => {
    const { conversation } = await newest(() => api.tree(id));
    store.change({ type: "conversation", conversation });
  });
}

/** Return the chats in which `words` occur, the best first. Throws what the server says. */
export async function withWords(words: string, signal: AbortSignal): Promise<readonly Conversation[]> {
  return (await api.conversations({ query: words, limit: FOUND }, signal)).conversations;
}

/** Show a conversation. What it lacks, or why it can't be shown, is told in its place. */
export async function open(id: string): Promise<void> {
  try {
    const tree = await newest(() => api.tree(id));
    if (left(id)) return;
    store.change({ type: "opened", tree });
    watchAll();
  } catch (error) {
    if (left(id)) return;
    if (error instanceof ApiError && !error.signedOut && !error.unreachable) {
      store.change({ type: "missing", id, text: error.message, hint: error.hint });
    } else report(error);
  }
}

/** Whether somebody has gone on to another chat while this one was on its way. */
const left = (id: string): boolean => route.current.view === "chat" && route.current.id !== id;

export const close = (): void => store.change({ type: "closed" });

export async function change(id: string, given: Change): Promise<void> {
  await attempt(() => inTurn(id, async () => store.change({ type: "conversation", conversation: await api.change(id, given) })));
}

/** Put a conversation into the trash; the notice takes it out again. */
export async function remove(conversation: Conversation): Promise<void> {
  const { id } = conversation;
  const shown = store.state.open?.conversation.id === id;
  await attempt(async () => {
    await inTurn(id, () => api.remove(id, false));
    store.change({ type: "conversation gone", id });
    if (shown) go(to.new, { replace: true });
    if (conversation.temporary) tell({ kind: "done", text: t("chats.gone") });
    else tell({ kind: "done", text: t("chats.trashed"), action: { label: t("undo"), run: () => void restore(id, shown) } });
  });
}

/** Take a conversation out of the trash. Resolves to whether it is back. */
export async function restore(id: string, show = false): Promise<boolean> {
  const restored = await attempt(async () => {
    const conversation = await inTurn(id, () => api.restore(id));
    store.change({ type: "conversation gone", id });
    store.change({ type: "conversation", conversation });
    if (show) go(to.chat(id));
    return true;
  });
  return restored ?? false;
}

/** Delete all that lies in the trash for good. */
export async function emptyTrash(): Promise<void> {
  await attempt(async () => {
    await changing(() => api.emptyTrash());
    tell({ kind: "done", text: t("trash.emptied") });
  });
  await list({ trash: true });
}

export async function removeForever(id: string): Promise<void> {
  await attempt(async () => {
    await inTurn(id, () => api.remove(id, true));
    store.change({ type: "conversation gone", id });
  });
}

let searching: AbortController | null = null;

/** Search for what is typed; an earlier search that still runs is given up. */
export async function search(query: string, { more = false } = {}): Promise<void> {
  searching?.abort();
  const words = query.trim();
  if (!words) return store.change({ type: "search closed" });
  searching = new AbortController();
  const { signal } = searching;
  const offset = more ? (store.state.search?.hits.length ?? 0) : 0;
  store.change({ type: "searching", query: words });
  await attempt(async () => {
    const { hits } = await api.search(words, offset, HITS, signal);
    store.change({ type: "found", query: words, hits, offset, more: hits.length === HITS });
  });
}
