import { describe, expect, it } from "vitest";

import type { Conversation, Tree } from "../api/types";
import { initial, type State } from "./model";
import { reduce, type Change } from "./reducer";

const conversation = (over: Partial<Conversation>) => ({ pinned: false, ...over }) as Conversation;
const after = (...changes: Change[]): State => changes.reduce(reduce, initial);

describe("a listing that is asked for again", () => {
  const page = (next_cursor: string | null, ...ids: [string, number][]): Change => ({
    type: "refreshed", page: { next_cursor, conversations: ids.map(([id, updated_at]) => conversation({ id, updated_at })) },
  });
  const shown = (state: State) => state.listing.conversations.map(({ id }) => id);
  const scrolled = after(
    { type: "listed", trash: false, more: false, page: { next_cursor: "2", conversations: [conversation({ id: "d", updated_at: 9 }), conversation({ id: "c", updated_at: 8 })] } },
    { type: "listed", trash: false, more: true, page: { next_cursor: "3", conversations: [conversation({ id: "b", updated_at: 7 }), conversation({ id: "a", updated_at: 6 })] } },
  );

  it("keeps what had been scrolled to", () => {
    const state = reduce(scrolled, page("1", ["b", 11], ["d", 9]));
    expect(shown(state)).toEqual(["b", "d", "c", "a"]);
    expect(state.listing.nextCursor).toBe("3");
  });

  it("drops what is no longer where it was", () => {
    expect(shown(reduce(scrolled, page("2", ["d", 9], ["b", 7])))).toEqual(["d", "b", "a"]);
    expect(shown(reduce(scrolled, page(null, ["c", 8])))).toEqual(["c"]);
  });

  it("goes on from the new page when nothing lies beyond it", () => {
    expect(reduce(initial, page("1", ["a", 1])).listing).toMatchObject({ nextCursor: "1", loaded: true });
  });
});

describe("signing in", () => {
  const refusal = { text: "no such key", hint: null, until: null };

  it("keeps the reason why one was refused until one is let in", () => {
    const refused = after({ type: "refused", refusal }, { type: "link", link: "signed-out" });
    expect(refused.refusal).toEqual(refusal);
    expect(reduce(refused, { type: "link", link: "online" }).refusal).toBeNull();
  });

  const shown = after({ type: "opened", tree: { conversation: conversation({ id: "c" }), messages: [] } as unknown as Tree });

  it("shows nobody's chats to the next one", () => {
    expect(reduce(shown, { type: "link", link: "signed-out" })).toMatchObject({ open: null, live: {}, link: "signed-out" });
  });
});
