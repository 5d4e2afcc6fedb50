/**
 * The server's interface, typed by its own OpenAPI document. Components never call this: the
 * actions in `app/` do.
 */

import createClient from "openapi-fetch";

import { errorOf, reach } from "./errors";
import type { paths } from "./schema";
import type { Answering, Attachment, Conversation } from "./types";

// One cookie stands for a session; it never goes anywhere else.
const http = createClient<paths>({ baseUrl: "", credentials: "same-origin", fetch: reach });

/** The document calls every field with a default required, which is true of answers only: what a
 * request leaves out, the server fills in. What may be left out is said by our own parameters. */
const body = (given: object): { body: never } => ({ body: given as never });

async function got<T>(call: Promise<{ data?: T; response: Response; error?: unknown }>): Promise<NonNullable<T>> {
  const { data, response } = await call;
  if (!response.ok) throw await errorOf(response);
  return data as NonNullable<T>;
}

http.use({
  async onResponse({ response }) {
    // Errors are read once, here: the envelope is the same on every route.
    if (!response.ok) throw await errorOf(response);
    return undefined;
  },
});

export interface NewMessage extends Answering {
  readonly text?: string;
  readonly files?: readonly Attachment[];
  readonly parentId?: string | null;
}

export interface Change {
  readonly title?: string;
  readonly pinned?: boolean;
  readonly head_id?: string | null;
  /** of the defaults only what it names; null takes a choice back */
  readonly choices?: Answering;
}

const conversation = (conversation_id: string) => ({ params: { path: { conversation_id } } });
const message = (message_id: string) => ({ params: { path: { message_id } } });
const memory = (memory_id: string) => ({ params: { path: { memory_id } } });

export const api = {
  health: () => got(http.GET("/health")),
  status: () => got(http.GET("/fireside/v1/status")),
  settings: () => got(http.GET("/fireside/v1/settings")),

  conversations: (query: { cursor?: string; limit?: number; trash?: boolean; query?: string }, signal?: AbortSignal) =>
    got(http.GET("/fireside/v1/conversations", { params: { query }, ...(signal && { signal }) })),
  search: (query: string, offset: number, limit: number, signal?: AbortSignal) =>
    got(http.GET("/fireside/v1/search", { params: { query: { query, offset, limit } }, ...(signal && { signal }) })),
  tree: (id: string) => got(http.GET("/fireside/v1/conversations/{conversation_id}", conversation(id))),
  create: (given: { title?: string; defaults?: Answering; temporary?: boolean }) =>
    got(http.POST("/fireside/v1/conversations", body(given))),
  change: (id: string, given: Change) =>
    got(http.PATCH("/fireside/v1/conversations/{conversation_id}", { ...conversation(id), ...body(given) })),
  remove: async (id: string, forever: boolean): Promise<void> => {
    const params = { path: { conversation_id: id }, query: { forever } };
    await http.DELETE("/fireside/v1/conversations/{conversation_id}", { params });
  },
  emptyTrash: async (): Promise<void> => {
    await http.DELETE("/fireside/v1/trash");
  },
  restore: (id: string) =>
    got(http.POST("/fireside/v1/conversations/{conversation_id}/restore", conversation(id))),

  post: (id: string, { text, files = [], parentId, ...answering }: NewMessage) => {
    const parts = [
      ...files.map(({ name, text, picture }) =>
        picture ? { type: "image" as const, name, data: picture } : { type: "file" as const, name, text },
      ),
      ...(text ? [{ type: "text" as const, text }] : []),
    ];
    const words = files.length ? { parts } : { text: text ?? "" };
    const parent = parentId === undefined ? {} : { parent_id: parentId };
    const given = body({ ...words, ...parent, ...answering });
    return got(http.POST("/fireside/v1/conversations/{conversation_id}/messages", { ...conversation(id), ...given }));
  },
  typing: (id: string, typed: { text: string; parent_id: string | null }) =>
    got(http.POST("/fireside/v1/conversations/{conversation_id}/typing", { ...conversation(id), body: typed })),
  regenerate: (id: string, how: Answering = {}) =>
    got(http.POST("/fireside/v1/messages/{message_id}/regenerate", { ...message(id), ...body(how) })),
  goOn: (id: string, how: Answering = {}) =>
    got(http.POST("/fireside/v1/messages/{message_id}/continue", { ...message(id), ...body(how) })),
  message: (id: string) => got(http.GET("/fireside/v1/messages/{message_id}", message(id))),
  changeMessage: (id: string, given: { pinned: boolean }) =>
    got(http.PATCH("/fireside/v1/messages/{message_id}", { ...message(id), ...body(given) })),
  edit: (id: string, text: string) =>
    got(http.POST("/fireside/v1/messages/{message_id}/edit", { ...message(id), body: { text } })),
  removeMessage: (id: string) => got(http.DELETE("/fireside/v1/messages/{message_id}", message(id))),
  restoreMessage: (id: string, head: string | null) =>
    got(http.POST("/fireside/v1/messages/{message_id}/restore", { ...message(id), ...body({ head_id: head }) })),
  receipt: (id: string) => got(http.GET("/fireside/v1/messages/{message_id}/receipt", message(id))),
  stop: (id: string) =>
    got(http.POST("/fireside/v1/replies/{reply_id}/stop", { params: { path: { reply_id: id } } })),

  models: () => got(http.GET("/fireside/v1/models")),
  model: (reference: string) => got(http.GET("/fireside/v1/models/show", { params: { query: { reference } } })),
  removeModel: async (reference: string): Promise<void> => {
    await http.DELETE("/fireside/v1/models", { params: { query: { reference } } });
  },

  searchModels: (query: string, fits: boolean) => got(http.GET("/fireside/v1/models/search", { params: { query: { query, fits } } })),
  shelf: (language: string) => got(http.GET("/fireside/v1/models/shelf", { params: { query: { language } } })),

  personas: () => got(http.GET("/fireside/v1/personas")),
  savePersona: (name: string, toml: string) =>
    got(http.PUT("/fireside/v1/personas/{name}", { params: { path: { name } }, body: { toml } })),
  removePersona: async (name: string): Promise<void> => {
    await http.DELETE("/fireside/v1/personas/{name}", { params: { path: { name } } });
  },

  memories: () => got(http.GET("/fireside/v1/memories")),
  switchMemories: (on: boolean) => got(http.PATCH("/fireside/v1/memories", { body: { on } })),
  remember: (text: string) => got(http.POST("/fireside/v1/memories", { body: { text } })),
  changeMemory: (id: string, text: string) =>
    got(http.PATCH("/fireside/v1/memories/{memory_id}", { ...memory(id), body: { text } })),
  forget: async (id: string): Promise<void> => {
    await http.DELETE("/fireside/v1/memories/{memory_id}", memory(id));
  },

  /** By a key, or by a code that was shown once on a device that is signed in. */
  signIn: (by: { key: string } | { code: string }) => got(http.POST("/fireside/v1/sessions", body(by))),
  /** A code that lets another device in, once. */
  pair: () => got(http.POST("/fireside/v1/pairings", body({}))),
  sessions: () => got(http.GET("/fireside/v1/sessions")),
  endSession: async (id: string): Promise<void> => {
    await http.DELETE("/fireside/v1/sessions/{session_id}", { params: { path: { session_id: id } } });
  },
};

/** Where a browser downloads from; a cookie goes along, a key never does. */
export const exportUrl = (given?: { id: Conversation["id"]; format: "markdown" | "json" }): string =>
  given ? `/fireside/v1/conversations/${given.id}/export?format=${given.format}` : "/fireside/v1/export";
