/** A conversation as a tree: branches, siblings, and the leaf below a message. Pure. */

import type { Attachment, Message } from "../api/types";
import type { Messages, Open } from "./model";

export const NO_MESSAGES: Messages = { byId: new Map(), children: new Map() };

/** Return `messages` with `added` in it; one that is known already is replaced. Ids order siblings. */
export function withMessages(messages: Messages, added: readonly Message[]): Messages {
  const byId = new Map(messages.byId);
  const children = new Map(messages.children);
  for (const message of added) {
    if (!byId.has(message.id)) {
      const beside = children.get(message.parent_id) ?? [];
      const last = beside.at(-1);
      const sorted = last === undefined || last < message.id ? [...beside, message.id] : [...beside, message.id].sort();
      children.set(message.parent_id, sorted);
    }
    byId.set(message.id, message);
  }
  return { byId, children };
}

/** Return `messages` as `all` of a conversation give them; made in place, since thousands may come at once. */
export function messagesOf(all: readonly Message[]): Messages {
  const byId = new Map<string, Message>();
  const children = new Map<string | null, string[]>();
  for (const message of all) {
    byId.set(message.id, message);
    const beside = children.get(message.parent_id);
    if (beside) beside.push(message.id);
    else children.set(message.parent_id, [message.id]);
  }
  for (const beside of children.values()) beside.sort();
  return { byId, children };
}

/** Return `messages` without `id` and everything after it. */
export function withoutMessage(messages: Messages, id: string): Messages {
  const byId = new Map(messages.byId);
  const children = new Map(messages.children);
  const gone = byId.get(id);
  if (!gone) return messages;
  children.set(gone.parent_id, (children.get(gone.parent_id) ?? []).filter((child) => child !== id));
  const waiting = [id];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    byId.delete(at);
    waiting.push(...(children.get(at) ?? []));
    children.delete(at);
  }
  return { byId, children };
}

/** Return the path from the root to `head`. */
export function branchTo(messages: Messages, head: string | null): readonly Message[] {
  const path: Message[] = [];
  let at = head === null ? undefined : messages.byId.get(head);
  while (at) {
    path.push(at);
    at = at.parent_id === null ? undefined : messages.byId.get(at.parent_id);
  }
  return path.reverse();
}

export const branchOf = (open: Open): readonly Message[] => branchTo(open.messages, open.conversation.head_id);

/** Return the ids beside a message, itself included, oldest first. */
export function siblings(messages: Messages, id: string): readonly string[] {
  const message = messages.byId.get(id);
  return message ? (messages.children.get(message.parent_id) ?? []) : [];
}

/** Return the end of the branch that was newest under `id`: where a branch picker leads. */
export function leafUnder(messages: Messages, id: string): string {
  let at = id;
  for (;;) {
    const newest = messages.children.get(at)?.at(-1);
    if (newest === undefined) return at;
    at = newest;
  }
}

export const textOf = (message: Message): string =>
  message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");

export const reasoningOf = (message: Message): string =>
  message.parts.map((part) => (part.type === "reasoning" ? part.text : "")).join("");

export const filesOf = (message: Message): readonly Attachment[] =>
  message.parts.flatMap((part): Attachment[] => {
    if (part.type === "image") return [{ name: part.name, text: "", picture: part.data }];
    return part.type === "file" ? [{ name: part.name, text: part.text }] : [];
  });

export const running = (message: Message): boolean => message.status === "queued" || message.status === "streaming";

/** Whether a reply was cut before its own end, so that it can go on. */
export const cut = (message: Message): boolean =>
  message.role === "assistant" &&
  message.parent_id !== null &&
  (message.finish_reason === "length" ||
    message.finish_reason === "repetition" ||
    message.status === "stopped" ||
    message.status === "interrupted");
