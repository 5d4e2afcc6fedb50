import { describe, expect, it } from "vitest";

import { Blocks } from "./blocks";
import { mended } from "./mend";

describe("a half-written line", () => {
  it.each([
    ["so **wha", "so **wha**"],
    ["so **what is ", "so **what is**"],
    ["so **what*", "so **what**"],
    ["so **what** and **mo", "so **what** and **mo**"],
    ["call `pri", "call `pri`"],
    ["- one\n- **tw", "- one\n- **tw**"],
  ])("%j is closed", (text, closed) => {
    expect(mended(text)).toBe(closed);
  });

  it.each(["so **what**", "so **", "2 ** 3", "call `print`", "`a ** b`", "```py", "plain", "``a`"])("%j is left as it is", (text) => {
    expect(mended(text)).toBe(text);
  });

  it("is closed while it grows, and what was said is shown in the end", () => {
    const growing = new Blocks();
    expect(growing.of("One\n\nso **wha", true).at(-1)).toEqual({ kind: "html", html: "<p>so <strong>wha</strong></p>\n" });
    expect(growing.of("One\n\nso **wha", false).at(-1)).toEqual({ kind: "html", html: "<p>so **wha</p>\n" });
  });

  it("of code is code", () => {
    expect(new Blocks().of("```py\na = 2 **b", true)).toEqual([{ kind: "code", language: "py", text: "a = 2 **b", open: true }]);
  });
});
