import { describe, expect, it } from "vitest";

import type { Conversation, Message, ReplyEvent } from "../api/types";
import { initial, type State } from "./model";
import { reduce, wordsOf, type Change } from "./reducer";
import { branchOf, leafUnder, siblings, textOf } from "./tree";

export const conversation = (over: Partial<Conversation> = {}): Conversation => ({
  id: "c", title: "", created_at: 0, updated_at: 0, head_id: null, defaults: {} as Conversation["defaults"],
  pinned: false, temporary: false, deleted_at: null, messages_count: 0, warmth: null, running: [], place: null, ...over,
});

export const message = (id: string, parent_id: string | null, over: Partial<Message> = {}): Message => ({
  id, conversation_id: "c", parent_id, role: id.startsWith("u") ? "user" : "assistant", parts: [{ type: "text", text: id }],
  status: "complete", created_at: 0, model: null, defaults: null, continues: null, finish_reason: null,
  usage: null, timings: null, receipt: null, failure: null, pinned: false, deleted_at: null, ...over,
});

const after = (...changes: Change[]): State => changes.reduce(reduce, initial);
const opened = (messages: Message[], head_id: string | null): Change => ({ type: "opened", tree: { conversation: conversation({ head_id }), messages } });
const queued = message("a1", "u1", { status: "queued", parts: [] });
const asked = after(opened([], null), { type: "messages", messages: [message("u1", null), queued], head: "a1" });
const hear = (state: State, events: ReplyEvent[], cursor = "1.0.0.0.0") => reduce(state, { type: "watched", id: "a1", events, cursor });

describe("a running reply", () => {
  it("grows by what is heard and remembers where it is", () => {
    const state = hear(hear(asked, [{ event: "text", text: "One" }]), [{ event: "text", text: " two" }], "1.1.0.7.0");
    expect(wordsOf(state, queued).text).toBe("One two");
    expect(state.live.a1?.cursor).toBe("1.1.0.7.0");
  });

  it("leaves the tree alone while it grows", () => {
    const state = hear(asked, [{ event: "text", text: "One" }]);
    expect(state.open).toBe(asked.open);
  });

  it("shows what it waits for until the first word", () => {
    const waiting = hear(asked, [{ event: "progress", stage: "queued", done: 2, total: null, unit: "replies", note: "~3 s" }]);
    expect(waiting.live.a1?.progress?.stage).toBe("queued");
    expect(hear(waiting, [{ event: "text", text: "One" }]).live.a1?.progress).toBeNull();
  });

  it("is replaced by the server's record at its end", () => {
    const whole = message("a1", "u1", { parts: [{ type: "text", text: "One two." }] });
    const state = reduce(hear(asked, [{ event: "text", text: "One" }]), { type: "ended", message: whole });
    expect(state.live).toEqual({});
    expect(textOf(branchOf(state.open!).at(-1)!)).toBe("One two.");
  });

  it("is watched again when its conversation is opened while it runs", () => {
    expect(after(opened([message("u1", null), queued], "a1")).live.a1?.cursor).toBe("");
  });

  it("is kept by its cursor when only the connection was lost", () => {
    const lost = reduce(hear(asked, [{ event: "text", text: "One" }], "1.0.0.3.0"), { type: "reply link", id: "a1", link: "reconnecting" });
    const back = reduce(lost, opened([message("u1", null), queued], "a1"));
    expect(back.live.a1).toMatchObject({ text: "One", cursor: "1.0.0.3.0", link: "reconnecting" });
  });
});

describe("branches", () => {
  const tree = [message("u1", null), message("a1", "u1"), message("a2", "u1"), message("u2", "a1"), message("a3", "u2")];

  it("are the path to the head", () => {
    expect(branchOf(after(opened(tree, "a3")).open!).map(({ id }) => id)).toEqual(["u1", "a1", "u2", "a3"]);
  });

  it("lead from a sibling to its newest end", () => {
    const { messages } = after(opened(tree, "a3")).open!;
    expect(siblings(messages, "a1")).toEqual(["a1", "a2"]);
    expect(leafUnder(messages, "a1")).toBe("a3");
  });

  it("lose a message and everything after it", () => {
    const state = reduce(after(opened(tree, "a3")), { type: "message gone", id: "a1", head: "a2" });
    expect([...state.open!.messages.byId.keys()]).toEqual(["u1", "a2"]);
    expect(branchOf(state.open!).map(({ id }) => id)).toEqual(["u1", "a2"]);
  });
});

describe("the list of chats", () => {
  const page = { conversations: [conversation({ id: "new", updated_at: 9 }), conversation({ id: "old", updated_at: 1 })], next_cursor: null };
  const listed = after({ type: "listed", page, trash: false, more: false });
  const ids = (state: State) => state.listing.conversations.map(({ id }) => id);

  it("has pinned ones first", () => {
    const state = reduce(listed, { type: "conversation", conversation: conversation({ id: "old", updated_at: 1, pinned: true }) });
    expect(ids(state)).toEqual(["old", "new"]);
  });

  it("tells how warm the open chat is, and nothing else of it", () => {
    const warmth = { state: "warm" as const, cached_tokens: 9, prompt_tokens: 10, expected_first_token_ms: null };
    const told = [conversation({ id: "c", warmth, head_id: "old", title: "Older" })];
    const state = reduce(after(opened([], "new")), { type: "refreshed", page: { conversations: told, next_cursor: null } });
    expect(state.open?.conversation).toEqual(conversation({ id: "c", warmth, head_id: "new" }));
  });

  it("never shows a temporary one", () => {
    const state = reduce(listed, { type: "conversation", conversation: conversation({ id: "secret", temporary: true }) });
    expect(ids(state)).toEqual(["new", "old"]);
  });

  it("forgets everything when one is signed out", () => {
    expect(reduce(listed, { type: "link", link: "signed-out" })).toEqual({ ...initial, link: "signed-out" });
  });
});

describe("searching", () => {
  const hit = { conversation_id: "c", title: "", message_id: "m", role: "user" as const, snippet: "", created_at: 0 };

  it("drops the answer to an earlier question", () => {
    const state = after({ type: "searching", query: "fire" }, { type: "searching", query: "fireside" }, { type: "found", query: "fire", hits: [hit], offset: 0, more: false });
    expect(state.search).toMatchObject({ query: "fireside", hits: [], busy: true });
  });
});

describe("receipts", () => {
  it("are kept for the replies that were looked behind", () => {
    const receipt = { context_length: 4096, prompt_tokens: 12, included: ["u1"], digest: null, digested: [], recalled: [], omitted: [], reason: null, memories: [] };
    const looked = reduce(asked, { type: "receipt", id: "a1", receipt });
    expect(looked.receipts).toEqual({ a1: receipt });
    // More may be noted until the end, so it is asked for again then.
    expect(reduce(looked, { type: "ended", message: message("a1", "u1") }).receipts).toEqual({});
  });
});

describe("memories", () => {
  const memory = (id: string, text = id) => ({ id, text, created_at: 0, updated_at: 0 });
  const known = after({ type: "memories", memories: { on: false, memories: [memory("m1"), memory("m2")] } });
  const told = (state: State) => state.memories?.memories.map(({ text }) => text);

  it("are added at the end, and changed in their place", () => {
    expect(told(reduce(known, { type: "memory", memory: memory("m3") }))).toEqual(["m1", "m2", "m3"]);
    expect(told(reduce(known, { type: "memory", memory: memory("m1", "other") }))).toEqual(["other", "m2"]);
  });

  it("are gone when they are forgotten, and stay switched as they were", () => {
    expect(reduce(known, { type: "memory gone", id: "m1" }).memories).toEqual({ on: false, memories: [memory("m2")] });
  });

  it("stay unknown until all of them are, so that one isn't taken for all", () => {
    expect(after({ type: "memory", memory: memory("m1") }).memories).toBeNull();
  });
});

describe("what takes a while", () => {
  const job = { id: "pypi:m", kind: "pull" as const, title: "m", done: 40, total: 100, stage: "fetching" };

  it("says where it stands, and why it ended early, until it is begun again", () => {
    const failed = after({ type: "job", job }, { type: "job failed", id: "pypi:m", text: "no room", hint: "make room" });
    expect(failed.jobs).toEqual([{ ...job, failure: { text: "no room", hint: "make room" } }]);
    expect(reduce(failed, { type: "job", job }).jobs).toEqual([job]);
    expect(reduce(failed, { type: "job gone", id: "pypi:m" }).jobs).toEqual([]);
  });
});
