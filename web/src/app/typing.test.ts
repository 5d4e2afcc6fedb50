import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import type { Conversation } from "../api/types";
import { store } from "./store.svelte";
import { pauseAfter, typed, typedEnough, wholeWords } from "./typing";

vi.mock("../api/client", () => ({ api: { typing: vi.fn() } }));

let chats = 0;

/** Open a chat of its own for each test, with a head. */
function opened(head: string | null = "m1"): string {
  const id = `t${++chats}`;
  const conversation = { id, title: "", head_id: head, temporary: false, deleted_at: null } as unknown as Conversation;
  store.change({ type: "opened", tree: { conversation, messages: [] } });
  return id;
}

const told = (): unknown[] => vi.mocked(api.typing).mock.calls.map(([, { text }]) => text);

/** Type a text key by key, so fast. */
async function type(text: string, everyMs = 100): Promise<void> {
  for (let end = 1; end <= text.length; end++) {
    typed(text.slice(0, end));
    await vi.advanceTimersByTimeAsync(everyMs);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.mocked(api.typing).mockReset().mockResolvedValue({ reads: true });
});

afterEach(() => {
  typedEnough();
  store.change({ type: "closed" });
  vi.useRealTimers();
});

describe("what is typed", () => {
  it("is told in whole words, at most once a second, and wholly at a pause", async () => {
    const id = opened();
    await type("How is the weather up");
    expect(told()).toEqual(["How ", "How is the "]);
    await vi.advanceTimersByTimeAsync(500);
    expect(told().at(-1)).toBe("How is the weather up");
    expect(api.typing).toHaveBeenLastCalledWith(id, { text: "How is the weather up", parent_id: "m1" });
    typed("How is the weather up");
    await vi.advanceTimersByTimeAsync(5000);
    expect(told()).toHaveLength(3);
  });

  it("is told sooner where a sentence ends", async () => {
    opened();
    typed("Why?");
    await vi.advanceTimersByTimeAsync(150);
    expect(told()).toEqual(["Why?"]);
    expect(pauseAfter("为什么？")).toBeLessThan(pauseAfter("为什么"));
  });

  it("is told again when it was deleted", async () => {
    opened();
    typed("Why?");
    await vi.advanceTimersByTimeAsync(500);
    typed("");
    await vi.advanceTimersByTimeAsync(500);
    expect(told()).toEqual(["Why?", ""]);
  });

  it("is not told when it was sent before a pause, nor when another chat is open by then", async () => {
    opened();
    typed("Why?");
    typedEnough();
    await vi.advanceTimersByTimeAsync(500);
    typed("Why?");
    opened();
    await vi.advanceTimersByTimeAsync(500);
    expect(told()).toEqual([]);
  });

  it("is told no more where the server doesn't want it, until the next question", async () => {
    vi.mocked(api.typing).mockResolvedValue({ reads: false });
    opened();
    await type("One two. ", 500);
    const once = told().length;
    await type("One two. Three four. ", 500);
    expect(told()).toHaveLength(once);
    opened("m2");
    typed("Why?");
    await vi.advanceTimersByTimeAsync(500);
    expect(told()).toHaveLength(once + 1);
  });

  it("is nobody's where no chat is open, and stays here when it is very long", async () => {
    typed("Why?");
    opened();
    typed("x ".repeat(20_000));
    await vi.advanceTimersByTimeAsync(5000);
    expect(told()).toEqual([]);
  });

  it("may fail without a word", async () => {
    vi.mocked(api.typing).mockRejectedValue(new ApiError(0, "unreachable", ""));
    opened();
    typed("Why?");
    await vi.advanceTimersByTimeAsync(500);
    expect(store.state.notices).toEqual([]);
  });
});

it("leaves out the last, unfinished word", () => {
  expect([wholeWords("How is\nthe wea"), wholeWords("How"), wholeWords("")]).toEqual(["How is\nthe ", "", ""]);
});
