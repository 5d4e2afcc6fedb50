import { beforeEach, describe, expect, it, vi } from "vitest";

import { api } from "../api/client";
import type { Conversation, Message, Tree } from "../api/types";
import { showBranch } from "./answering";
import { changing, inTurn, newest, settled, unsettled } from "./changes";
import { change, look, refresh } from "./conversations";
import { prefer, preferences } from "./preferences.svelte";
import { store } from "./store.svelte";

const soon = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Something that is answered when the test says so. */
function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve = (_: T): void => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

const chat = (given: Partial<Conversation> = {}) =>
  ({ id: "c", title: "old", head_id: "a", pinned: false, temporary: false, deleted_at: null, updated_at: 1, defaults: {}, ...given }) as Conversation;
const message = (id: string) => ({ id, conversation_id: "c", parent_id: null, status: "complete", parts: [] }) as unknown as Message;

describe("changes", () => {
  it("are made one after the other, also after one that failed", async () => {
    const first = later<void>();
    const made: string[] = [];
    const failed = inTurn("x", async () => {
      await first.promise;
      made.push("first");
      throw new Error("refused");
    }).catch((error: Error) => error.message);
    const second = inTurn("x", async () => made.push("second"));
    await inTurn("y", async () => made.push("another's"));
    expect([made, unsettled("x"), unsettled("y")]).toEqual([["another's"], true, false]);
    first.resolve();
    await settled("x");
    await second;
    expect([made, await failed, unsettled("x")]).toEqual([["another's", "first", "second"], "refused", false]);
  });

  it("make an answer too old that was on its way meanwhile", async () => {
    const answers = [later<string>(), later<string>()];
    let asked = 0;
    const told = newest(() => answers[asked++]!.promise);
    await changing(async () => undefined);
    answers[0]!.resolve("old");
    await soon();
    expect(asked).toBe(2);
    answers[1]!.resolve("new");
    expect(await told).toBe("new");
  });
});

describe("what is shown of a chat", () => {
  beforeEach(() => {
    vi.restoreAllMocks();
    store.change({ type: "opened", tree: { conversation: chat(), messages: ["a", "b", "c"].map(message) } });
  });

  it("keeps its new title where the list and the tree were asked for before and come after", async () => {
    const [page, tree] = [later<never>(), later<Tree>()];
    vi.spyOn(api, "conversations").mockReturnValueOnce(page.promise).mockResolvedValue({ conversations: [chat({ title: "new" })], next_cursor: null });
    vi.spyOn(api, "tree").mockReturnValueOnce(tree.promise).mockResolvedValue({ conversation: chat({ title: "new" }), messages: [] });
    vi.spyOn(api, "change").mockResolvedValue(chat({ title: "new" }));
    const looking = [refresh(), look("c")];
    await change("c", { title: "new" });
    page.resolve({ conversations: [chat()], next_cursor: null } as never);
    tree.resolve({ conversation: chat(), messages: [] });
    await Promise.all(looking);
    expect(store.state.open?.conversation.title).toBe("new");
    expect(store.state.listing.conversations.map(({ title }) => title)).toEqual(["new"]);
  });

  it("is the branch that was chosen last, on the server as well", async () => {
    const first = later<Conversation>();
    const asked = vi.spyOn(api, "change").mockReturnValueOnce(first.promise).mockResolvedValueOnce(chat({ head_id: "c" }));
    const shown = [showBranch("b"), showBranch("c")];
    await soon();
    expect(asked.mock.calls).toEqual([["c", { head_id: "b" }]]);
    first.resolve(chat({ head_id: "b" }));
    await shown[0];
    expect(store.state.open?.conversation.head_id).toBe("c");
    await shown[1];
    expect(asked.mock.calls.at(-1)).toEqual(["c", { head_id: "c" }]);
    expect(store.state.open?.conversation.head_id).toBe("c");
  });
});

it("a preference that another tab has changed isn't taken back with the next change here", () => {
  prefer({ sidebar: true });
  localStorage.setItem("fireside.preferences", JSON.stringify({ ...preferences, theme: "dark" }));
  prefer({ enterSends: false });
  expect(JSON.parse(localStorage.getItem("fireside.preferences") ?? "")).toMatchObject({ theme: "dark", enterSends: false });
  expect(preferences.theme).toBe("dark");
});
