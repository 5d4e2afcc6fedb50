/** The offline shell, and whether the server has a newer page than the one that is open. */

import { t } from "../i18n/index.svelte";
import { tell } from "./store.svelte";

const WORKER = "/sw.js";

/** Let the browser keep the page's files. Over plain http beyond loopback it has no such thing. */
export function keepShell(): void {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  // Once the page is there: what is kept for later must not make it slower now.
  addEventListener("load", () => void registered(), { once: true });
}

async function registered(): Promise<void> {
  try {
    await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
  } catch {
    // A private window or a policy forbids it; the page works without.
  }
}

/** Say so when the server has another page than this one. Resolves to whether it has. */
export async function newer(): Promise<boolean> {
  const script = document.querySelector<HTMLScriptElement>("script[type=module][src]")?.getAttribute("src");
  let page: string;
  try {
    page = await (await fetch("/", { cache: "no-cache" })).text();
  } catch {
    return false;
  }
  if (!script || page.includes(script)) return false;
  tell({ kind: "done", text: t("page.newer"), action: { label: t("page.reload"), run: () => location.reload() } });
  return true;
}
