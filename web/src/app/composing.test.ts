import { describe, expect, it } from "vitest";

import { rejoined, sends, type Pressed } from "./composing";

const enter: Pressed = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, keyCode: 13 };
const desk = { enterSends: true, touch: false };

describe("Enter", () => {
  it("sends at a desk, and makes a line with Shift", () => {
    expect(sends(enter, desk)).toBe(true);
    expect(sends({ ...enter, shiftKey: true }, desk)).toBe(false);
  });

  it("never sends a word that is still composed", () => {
    expect(sends({ ...enter, isComposing: true }, desk)).toBe(false);
    expect(sends({ ...enter, keyCode: 229 }, desk)).toBe(false);
    expect(sends({ ...enter, ctrlKey: true, isComposing: true }, desk)).toBe(false);
  });

  it("makes a line on a phone, and where one prefers that", () => {
    expect(sends(enter, { enterSends: true, touch: true })).toBe(false);
    expect(sends(enter, { enterSends: false, touch: false })).toBe(false);
    expect(sends({ ...enter, ctrlKey: true }, { enterSends: false, touch: false })).toBe(true);
    expect(sends({ ...enter, metaKey: true }, { enterSends: false, touch: true })).toBe(true);
  });
});

it("words that could not be sent stand before those written since", () => {
  expect(rejoined("first", " ")).toBe("first");
  expect(rejoined("first", "second")).toBe("first\n\nsecond");
});
