/**
 * Watching replies. The server owns a reply: this only looks, and looks again after a lost
 * connection, a sleeping tab or a restarted server, from the last event that was heard.
 */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import { watchReply } from "../api/streams";
import type { ReplyEvent } from "../api/types";
import { store } from "./store.svelte";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const FRAME_MS = 50;

let heardEnd: (conversationId: string) => void = () => undefined;

/** Let `hear` be called with the conversation of every reply that has come to its end. */
export function onEnd(hear: typeof heardEnd): void {
  heardEnd = hear;
}

const watched = new Map<string, AbortController>();

/** Watch every reply that runs in what is open, and none that doesn't any more. */
export function watchAll(): void {
  for (const id of Object.keys(store.state.live)) {
    if (!watched.has(id)) void watch(id);
  }
}

export function stopWatching(): void {
  for (const leaving of watched.values()) leaving.abort();
  watched.clear();
}

async function watch(id: string): Promise<void> {
  const leaving = new AbortController();
  watched.set(id, leaving);
  let wait_ms = FIRST_WAIT_MS;
  try {
    while (!leaving.signal.aborted) {
      if (await listen(id, leaving.signal, () => (wait_ms = FIRST_WAIT_MS))) return;
      if (leaving.signal.aborted) return;
      store.change({ type: "reply link", id, link: "reconnecting" });
      await soon(wait_ms, leaving.signal);
      wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS);
    }
  } finally {
    if (watched.get(id) === leaving) watched.delete(id);
  }
}

/** Listen once. True when the reply has come to its end, or can't be watched any more. */
async function listen(id: string, signal: AbortSignal, heard: () => void): Promise<boolean> {
  const batch = new Batch(id);
  try {
    const cursor = store.state.live[id]?.cursor ?? "";
    for await (const { id: at, event } of watchReply(id, cursor, signal)) {
      heard();
      batch.add(event, at ?? cursor);
      if (event.event === "finished" || event.event === "failed") {
        batch.flush();
        const message = await api.message(id);
        store.change({ type: "ended", message });
        heardEnd(message.conversation_id);
        return true;
      }
    }
    return false;
  } catch (error) {
    return gone(error, id);
  } finally {
    batch.flush();
  }
}

function gone(error: unknown, id: string): boolean {
  // A stream that breaks in the middle is a TypeError of the browser's own.
  if (error instanceof TypeError || error instanceof DOMException) return false;
  if (!(error instanceof ApiError)) throw error;
  if (error.signedOut) {
    store.change({ type: "link", link: "signed-out" });
    return true;
  }
  if (error.status === 404) {
    store.change({ type: "message gone", id, head: store.state.open?.messages.byId.get(id)?.parent_id ?? null });
    return true;
  }
  if (error.unreachable) store.change({ type: "link", link: "offline" });
  return false;
}

/** Wait, but no longer than until the network or the tab comes back. */
function soon(wait_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, wait_ms);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Gathers the events of a moment: the page is drawn at most twenty times a second for them. */
class Batch {
  #events: ReplyEvent[] = [];
  #cursor = "";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(readonly id: string) {}

  add(event: ReplyEvent, cursor: string): void {
    this.#events.push(event);
    this.#cursor = cursor;
    // A timer and not a frame: a hidden tab gets no frames, and must not fall behind without end.
    this.#timer ??= setTimeout(() => this.flush(), FRAME_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#events.length) return;
    const events = this.#events;
    this.#events = [];
    store.change({ type: "watched", id: this.id, events, cursor: this.#cursor });
  }
}
