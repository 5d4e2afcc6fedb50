/** Server-sent events by `fetch`, which can send a cursor and see why a stream was refused. */

import { EventSourceParserStream } from "eventsource-parser/stream";

import { errorOf, reach } from "./errors";
import type { ImportSummary, ModelCard, ReplyEvent } from "./types";

interface Told<E> {
  readonly id: string | undefined;
  readonly event: E;
}

async function* streamed<E>(request: Request): AsyncGenerator<Told<E>> {
  const response = await reach(request);
  if (!response.ok) throw await errorOf(response);
  if (!response.body) return;
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { id: value.id, event: { event: value.event, ...JSON.parse(value.data) } as E };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Watch a reply from `cursor` on ("" is its beginning) until the stream ends or `signal` aborts. */
export function watchReply(id: string, cursor: string, signal: AbortSignal): AsyncGenerator<Told<ReplyEvent>> {
  const headers = cursor ? { "Last-Event-ID": cursor } : undefined;
  const path = `/fireside/v1/replies/${encodeURIComponent(id)}/events`;
  return streamed(new Request(path, { signal, credentials: "same-origin", ...(headers && { headers }) }));
}

export type PullEvent =
  | { readonly event: "progress"; readonly stage?: string; readonly done: number; readonly total: number | null }
  | { readonly event: "pulled"; readonly model: ModelCard }
  | { readonly event: "failed"; readonly code: string; readonly message: string; readonly hint: string | null };

export function pullModel(reference: string, signal: AbortSignal): AsyncGenerator<Told<PullEvent>> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ reference });
  return streamed(new Request("/fireside/v1/models/pull", { method: "POST", headers, body, signal, credentials: "same-origin" }));
}

export type ImportEvent =
  | { readonly event: "progress"; readonly done: number; readonly total: number | null }
  | { readonly event: "imported"; readonly summary: ImportSummary }
  | { readonly event: "failed"; readonly code: string; readonly message: string; readonly hint: string | null };

/** Send an export of ChatGPT, Claude or Fireside; its bytes go as they are. */
export function importFile(file: Blob, signal: AbortSignal): AsyncGenerator<Told<ImportEvent>> {
  const headers = { "content-type": "application/octet-stream" };
  return streamed(new Request("/fireside/v1/import", { method: "POST", headers, body: file, signal, credentials: "same-origin" }));
}
