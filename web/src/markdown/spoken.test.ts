import { describe, expect, it } from "vitest";

import { sentenceEnd, spoken } from "./spoken";

describe("a reply that grows", () => {
  it("is told by whole sentences", () => {
    const text = "One is here. Two is he";
    expect(text.slice(0, sentenceEnd(text, 0))).toBe("One is here. ");
    expect(sentenceEnd(text, 13)).toBe(13);
    expect(sentenceEnd(`${text}re! T`, 13)).toBe(26);
  });

  it("is told by whole sentences of Chinese", () => {
    const text = "你好。我是";
    expect(text.slice(0, sentenceEnd(text, 0))).toBe("你好。");
  });

  it("is not told line by line while code is written", () => {
    expect(sentenceEnd("So:\n\n```py\na = 1.\n\nb = 2. ", 5)).toBe(5);
  });

  it("does not end a sentence within a number", () => {
    expect(sentenceEnd("It is 3.14159 of", 0)).toBe(0);
  });
});

describe("Markdown", () => {
  it("is told as words", () => {
    expect(spoken("## Title\n\n- **one** and `two` [three](https://e.org)\n", "Code.")).toBe("Title one and two three");
  });

  it("has a word in the place of code", () => {
    expect(spoken("Look:\n\n```js\nlet a;\n```\nDone.", "Code.")).toBe("Look: Code. Done.");
  });
});
