import { describe, expect, it } from "vitest";

import { around, earlier, FIRST, later, MOST, newest, STEP, within, type Span } from "./span";

const size = (span: Span, count: number) => (span.to ?? count) - span.from;

describe("a span of a long branch", () => {
  it("begins with its newest messages", () => {
    expect(newest(5000)).toEqual({ from: 5000 - FIRST, to: null });
    expect(newest(3)).toEqual({ from: 0, to: null });
  });

  it("reaches the first message and comes back, and never holds too many", () => {
    let span = newest(5000);
    for (let i = 0; i < 5000 / STEP; i++) {
      span = earlier(span, 5000);
      expect(size(span, 5000)).toBeLessThanOrEqual(MOST);
    }
    expect(span).toEqual({ from: 0, to: MOST });
    for (let i = 0; i < 5000 / STEP; i++) {
      span = later(span, 5000);
      expect(size(span, 5000)).toBeLessThanOrEqual(MOST);
    }
    expect(span).toEqual({ from: 5000 - MOST, to: null });
  });

  it("has the message that is looked for", () => {
    expect(around(2500, 5000)).toEqual({ from: 2500 - FIRST / 2, to: 2500 + FIRST / 2 });
    expect(around(4999, 5000)).toEqual({ from: 4999 - FIRST / 2, to: null });
    expect(around(0, 5)).toEqual({ from: 0, to: null });
  });

  it("follows a branch that became shorter", () => {
    expect(within({ from: 100, to: 140 }, 50)).toEqual({ from: 50 - FIRST, to: null });
    expect(within({ from: 10, to: 140 }, 50)).toEqual({ from: 10, to: null });
  });
});
