import { describe, expect, it } from "vitest";

import type { Conversation } from "../api/types";
import { named, offered } from "./finding";

const chat = (id: string, title: string, updated_at = 0) => ({ id, title, updated_at }) as Conversation;
const ids = (chats: readonly Conversation[]) => chats.map(({ id }) => id);

describe("a name", () => {
  it("is found by its words in any order and case", () => {
    expect(named("Export all chats", "chats EXP")).toBe(true);
    expect(named("导出所有对话", "导出")).toBe(true);
    expect(named("Export all chats", "export trash")).toBe(false);
  });
});

describe("the chats that are offered", () => {
  const listed = [chat("pinned", "Soup", 1), chat("new", "Bread", 9), chat("old", "Bread and soup", 3)];

  it("are the latest while nothing is typed", () => {
    expect(ids(offered(" ", listed, []))).toEqual(["new", "old", "pinned"]);
  });

  it("are those of that title, then those in which it was said, none twice", () => {
    const said = [chat("old", "Bread and soup"), chat("far", "Dinner")];
    expect(ids(offered("soup", listed, said))).toEqual(["pinned", "old", "far"]);
  });
});
