/** What takes a while: fetching models and importing chats, with a bar and a way to leave. */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import { importFile, pullModel } from "../api/streams";
import type { ImportSummary, ModelCard } from "../api/types";
import { t } from "../i18n/index.svelte";
import { changing } from "./changes";
import { list } from "./conversations";
import { library } from "./link";
import { attempt, report, store, tell } from "./store.svelte";

const leaving = new Map<string, AbortController>();

export function cancel(id: string): void {
  leaving.get(id)?.abort();
}

/** Fetch a model; resolves to its card, or undefined when it failed or was left. */
export async function pull(reference: string): Promise<ModelCard | undefined> {
  return await job("pull", reference, reference, async (signal, progress) => {
    for await (const { event } of pullModel(reference, signal)) {
      if (event.event === "progress") progress(event.done, event.total, event.stage ?? null);
      else if (event.event === "failed") throw new ApiError(500, event.code, event.message, event.hint);
      else {
        await library();
        return event.model;
      }
    }
    throw new ApiError(0, "unreachable", t("link.unreachable"));
  });
}

/** Import files one after the other: the server reads one at a time. */
export async function importAll(files: Iterable<File>): Promise<void> {
  for (const file of files) await importChats(file);
}

/** What is known of a model, here or not. */
export async function lookUp(reference: string): Promise<ModelCard | undefined> {
  return await attempt(() => api.model(reference));
}

/** Import a file's conversations; what is there already is left as it is. What it did stays to be read. */
export async function importChats(file: File): Promise<ImportSummary | undefined> {
  const imported = await importing(file);
  if (imported) {
    const said = { kind: "import", title: file.name, done: 1, total: 1, stage: null, imported } as const;
    store.change({ type: "job", job: { id: `imported ${file.name}`, ...said } });
  }
  return imported;
}

export const dismiss = (id: string): void => store.change({ type: "job gone", id });

async function importing(file: File): Promise<ImportSummary | undefined> {
  return await job("import", `import ${file.name}`, file.name, async (signal, progress) => {
    for await (const { event } of importFile(file, signal)) {
      if (event.event === "progress") progress(event.done, event.total, null);
      else if (event.event === "failed") throw new ApiError(400, event.code, event.message, event.hint);
      else {
        await list();
        return event.summary;
      }
    }
    throw new ApiError(0, "unreachable", t("link.unreachable"));
  });
}

type Report = (done: number, total: number | null, stage: string | null) => void;

async function job<T>(
  kind: "pull" | "import",
  id: string,
  title: string,
  work: (signal: AbortSignal, progress: Report) => Promise<T>,
): Promise<T | undefined> {
  if (leaving.has(id)) return undefined;
  const controller = new AbortController();
  leaving.set(id, controller);
  const progress: Report = (done, total, stage) =>
    store.change({ type: "job", job: { id, kind, title, done, total, stage } });
  progress(0, null, null);
  try {
    return await work(controller.signal, progress);
  } catch (error) {
    if (kind === "pull" && error instanceof ApiError && !error.signedOut) {
      // A fetch goes on where it was: its failure stays in view, with the way to try again.
      store.change({ type: "job failed", id, text: error.unreachable ? t("link.unreachable") : error.message, hint: error.hint });
    } else report(error);
    return undefined;
  } finally {
    leaving.delete(id);
    if (!store.state.jobs.some((job) => job.id === id && job.failure)) store.change({ type: "job gone", id });
  }
}

export async function removeModel(card: ModelCard): Promise<void> {
  await attempt(async () => {
    await changing(() => api.removeModel(card.reference));
    await library();
    tell({ kind: "done", text: t("models.removed", { name: card.name }) });
  });
}

export async function savePersona(name: string, toml: string): Promise<boolean> {
  const saved = await attempt(async () => {
    await changing(() => api.savePersona(name, toml));
    await library();
    return true;
  });
  return saved ?? false;
}

export async function removePersona(name: string): Promise<void> {
  await attempt(async () => {
    await changing(() => api.removePersona(name));
    await library();
  });
}
