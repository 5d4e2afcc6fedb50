import { beforeEach, describe, expect, it } from "vitest";

import { drafts, prefer, preferences } from "./preferences.svelte";

beforeEach(() => localStorage.clear());

describe("what was typed and not sent", () => {
  it("is forgotten, with its files, and nothing else is", () => {
    prefer({ theme: "dark" });
    drafts.keep("new", "a secret");
    drafts.keepFiles("c1", [{ name: "a.txt", text: "a secret" }] as never);
    expect(JSON.stringify({ ...localStorage })).toContain("secret");
    drafts.forget();
    expect(JSON.stringify({ ...localStorage })).not.toContain("secret");
    expect(drafts.read("new")).toBe("");
    expect(drafts.files("c1")).toEqual([]);
    expect(localStorage.getItem("fireside.preferences")).toContain("dark");
    expect(preferences.theme).toBe("dark");
  });
});
