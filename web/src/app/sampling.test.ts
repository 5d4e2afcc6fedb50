import { describe, expect, it } from "vitest";

import { NUMBERS, readNumber, readStops, writtenStops } from "./sampling";

const bounds = (key: string) => NUMBERS.find((one) => one.key === key)!;

describe("numbers", () => {
  it("are read as people write them", () => {
    expect(readNumber(" 0.7 ", bounds("temperature"))).toEqual({ value: 0.7 });
    expect(readNumber("0,7", bounds("temperature"))).toEqual({ value: 0.7 });
    expect(readNumber("", bounds("temperature"))).toEqual({ value: null });
    expect(readNumber("4294967294", bounds("seed"))).toEqual({ value: 4294967294 });
  });

  it("are refused with the reason", () => {
    expect(readNumber("hot", bounds("temperature"))).toEqual({ wrong: "number" });
    expect(readNumber("1,000,000", bounds("top_k"))).toEqual({ wrong: "number" });
    expect(readNumber("0x10", bounds("top_k"))).toEqual({ wrong: "number" });
    expect(readNumber("1.5", bounds("top_k"))).toEqual({ wrong: "whole" });
    expect(readNumber("-0.1", bounds("top_p"))).toEqual({ wrong: "range" });
    expect(readNumber("1.01", bounds("top_p"))).toEqual({ wrong: "range" });
    expect(readNumber("0", bounds("repeat_penalty"))).toEqual({ wrong: "range" });
  });
});

describe("stop strings", () => {
  it("stand one a line and come back as they were", () => {
    const stops = ["###", "\n\n", "a\\nb", "\tx", " y "];
    expect(readStops(writtenStops(stops))).toEqual({ value: stops });
  });

  it("are nothing when nothing is written, and sixteen at most", () => {
    expect(readStops("\n\n")).toEqual({ value: null });
    expect(readStops("a\na")).toEqual({ value: ["a"] });
    expect(readStops(Array.from({ length: 17 }, (_, n) => `s${n}`).join("\n"))).toEqual({ wrong: "range" });
  });
});
