/** Whether the server is there, and coming back to it when it was gone. */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import { list, open } from "./conversations";
import { route } from "./routes.svelte";
import { report, store } from "./store.svelte";
import { stopWatching, watchAll } from "./watching";

const EVERY_MS = 15_000;
const AWAY_MS = 2_000;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Look at the server now and from time to time; a hidden tab doesn't. */
export function keepLooking(): void {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look();
  });
  addEventListener("online", () => void look());
  void look();
}

export async function look(): Promise<void> {
  clearTimeout(timer);
  const before = store.state.link;
  try {
    store.change({ type: "status", status: await api.status() });
    if (before !== "online") await arrive();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.unreachable) store.change({ type: "link", link: "offline" });
    else if (error.signedOut) leave();
    else report(error);
  }
  // Nobody looks at a hidden tab, and nothing is to be asked for without a key.
  const idle = document.hidden || store.state.link === "signed-out";
  if (!idle) timer = setTimeout(() => void look(), store.state.link === "online" ? EVERY_MS : AWAY_MS);
}

/** Everything that may have changed while one was away is asked for again. */
async function arrive(): Promise<void> {
  store.change({ type: "link", link: "online" });
  const at = route.current;
  const shown = at.view === "chat" ? at.id : null;
  await Promise.all([list(), library(), ...(shown ? [open(shown)] : [])]);
  watchAll();
}

export async function library(): Promise<void> {
  try {
    const [{ models }, { personas }] = await Promise.all([api.models(), api.personas()]);
    store.change({ type: "models", models });
    store.change({ type: "personas", personas });
  } catch (error) {
    report(error);
  }
}

function leave(): void {
  stopWatching();
  store.change({ type: "link", link: "signed-out" });
}

/** Show a key once; the server's cookie stands for it from then on. Throws what the server says. */
export async function signIn(key: string): Promise<void> {
  await api.signIn({ key: key.trim() });
  await look();
}

export async function sessions(): Promise<void> {
  try {
    store.change({ type: "sessions", sessions: (await api.sessions()).sessions });
  } catch (error) {
    report(error);
  }
}

export async function endSession(id: string): Promise<void> {
  try {
    await api.endSession(id);
    await sessions();
  } catch (error) {
    report(error);
  }
}
