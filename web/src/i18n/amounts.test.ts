import { describe, expect, it } from "vitest";

import { bytes, share, time, wordsPerSecond } from "./amounts";

describe("amounts", () => {
  it.each([
    [240.4, "240 ms"],
    [1240, "1.2 s"],
    [14_400, "14 s"],
    [200_000, "3 min"],
  ])("of %d ms are read as %j", (ms, read) => {
    expect(time(ms)).toBe(read);
  });

  it("are as exact as one can tell", () => {
    expect(share(0.0826)).toBe("8%");
    expect(bytes(3_456_789)).toBe("3.5 MB");
    expect(bytes(96_456_789)).toBe("96 MB");
    expect(wordsPerSecond(5)).toBe(3.8);
    expect(wordsPerSecond(130)).toBe(98);
  });
});
