/** Whether the server is there, and coming back to it when it was gone. */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import type { Pairing, ServerStatus } from "../api/types";
import { t } from "../i18n/index.svelte";
import { changing, newest } from "./changes";
import { open, refresh, settle } from "./conversations";
import { newer } from "./newer";
import { drafts } from "./preferences.svelte";
import { takeCode } from "./routes.svelte";
import { report, store, tell } from "./store.svelte";
import { onEnd, stopWatching, watchAll } from "./watching";

const EVERY_MS = 15_000;
const AWAY_MS = 2_000;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Look at the server now and from time to time; a hidden tab doesn't. */
export function keepLooking(): void {
  addEventListener("hashchange", () => void pair());
  onEnd((id) => void settle(id));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look();
  });
  addEventListener("online", () => void look());
  void pair().then(look);
}

/** Look again soon: something was refused because nobody answered. */
export function lookSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void look(), AWAY_MS);
}

export async function look(): Promise<void> {
  clearTimeout(timer);
  const { link, status: before } = store.state;
  try {
    // Asked first where nobody is in yet: a refusal would stand in the browser's console as an error.
    if (link !== "online" && (await api.health()).needs_key) throw new ApiError(401, "unauthorized", "");
    const status = await api.status();
    store.change({ type: "status", status });
    const restarted = before !== null && before.pid !== status.pid;
    if (link !== "online" || restarted) await arrive();
    else if (changed(before, status)) await refresh();
    if (restarted && !(await newer())) tell({ kind: "done", text: t("link.restarted") });
    else if (!restarted && link === "offline") tell({ kind: "done", text: t("link.back") });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.unreachable) store.change({ type: "link", link: "offline" });
    else if (error.signedOut) await leave();
    else report(error);
  }
  // Nobody looks at a hidden tab, and nothing is to be asked for without a key.
  const idle = document.hidden || store.state.link === "signed-out";
  if (!idle) timer = setTimeout(() => void look(), store.state.link === "online" ? EVERY_MS : AWAY_MS);
}

const TELLING = ["conversations", "messages", "trash", "running_replies"] as const;

/** Whether what is listed may have changed: here or on another device, something was said, deleted or answered. */
const changed = (before: ServerStatus | null, now: ServerStatus): boolean =>
  TELLING.some((count) => before?.[count] !== now[count]) || engines(before) !== engines(now);

/** An engine that came or left: what it holds in mind, it alone does. */
const engines = (status: ServerStatus | null): string | undefined => status?.engines.map(({ pid }) => pid).join();

/** Everything that may have changed while one was away is asked for again. */
async function arrive(): Promise<void> {
  code = null;
  store.change({ type: "link", link: "online" });
  const shown = store.state.open?.conversation.id;
  await Promise.all([refresh(), library(), ...(shown ? [open(shown)] : [])]);
  watchAll();
}

export async function library(): Promise<void> {
  try {
    const [{ models }, { personas }] = await newest(() => Promise.all([api.models(), api.personas()]));
    store.change({ type: "models", models });
    store.change({ type: "personas", personas });
  } catch (error) {
    report(error);
  }
}

async function leave(): Promise<void> {
  stopWatching();
  store.change({ type: "link", link: "signed-out" });
  await pair();
}

/** A code from the address, until it is known whether one is needed. It is nowhere else. */
let code: string | null = null;

/** Use the code once, if there is one and nobody is signed in. */
async function pair(): Promise<void> {
  code = takeCode() ?? code;
  if (store.state.link !== "signed-out" || code === null) return;
  const once = code;
  code = null;
  await enter({ code: once });
}

/** Show a key once; the server's cookie stands for it from then on. */
export const signIn = (key: string): Promise<void> => enter({ key: key.trim() });

async function enter(by: { key: string } | { code: string }): Promise<void> {
  store.change({ type: "refused", refusal: null });
  try {
    await api.signIn(by);
    await look();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { message: text, hint, retryAfterS } = error.unreachable ? unreached() : error;
    const until = retryAfterS === null ? null : Date.now() + retryAfterS * 1000;
    store.change({ type: "refused", refusal: { text, hint, until } });
  }
}

const unreached = (): ApiError => new ApiError(0, "unreachable", t("link.unreachable"), t("link.unreachableHint"));

/** What this machine's settings file says: it decides wherever nobody else does. */
export async function serverSettings(): Promise<void> {
  try {
    store.change({ type: "settings", settings: await api.settings() });
  } catch (error) {
    report(error);
  }
}

export async function sessions(): Promise<void> {
  try {
    store.change({ type: "sessions", sessions: (await newest(api.sessions)).sessions });
  } catch (error) {
    report(error);
  }
}

/** Make a code for another device; where that isn't allowed or not possible yet, return why. */
export async function pairing(): Promise<Pairing | "forbidden" | "no key" | undefined> {
  try {
    return await api.pair();
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return "forbidden";
    if (error instanceof ApiError && error.status === 404) return "no key";
    report(error);
    return undefined;
  }
}

/** End a device's session. One that ends its own leaves nothing of what was typed to whoever comes next. */
export async function endSession(id: string): Promise<void> {
  const own = store.state.sessions.some((session) => session.id === id && session.current);
  try {
    await changing(() => api.endSession(id));
    if (own) drafts.forget();
    await sessions();
  } catch (error) {
    report(error);
  }
}
