// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";

import type { Offer } from "../api/types";
import { hereText, offeredSize, purposeText, spokenText } from "./offers";

const prediction = { memory_bytes: 4.4e9, available_bytes: 24e9, fits: true, first_word_s: 2.1, words_per_s: 9 };
const offer = (over: object = {}, card: object = {}) =>
  ({ prediction, obstacle: null, instead: null, code: false, languages_said: null, size_is_exact: true, card: { purpose: "chat", tuned_for: "instruct", sees: null, languages: ["de", "en"], size_bytes: 2.5e9, ...card }, ...over }) as unknown as Offer;

describe("what is said of a model before it is fetched", () => {
  it("tells in plain words what it takes here", () => {
    expect(hereText(offer())).toBe("answers begin in 2 seconds, 9 words a second; 4.4 of 24 GB of memory");
    expect(hereText(offer({ prediction: { ...prediction, fits: false, memory_bytes: 42e9 } }))).toBe("does not fit: 42 of 24 GB of memory");
    expect(hereText(offer({ prediction: { ...prediction, words_per_s: null, available_bytes: null } }))).toBe("4.4 GB of memory");
    expect(hereText(offer({ prediction: null }))).toBe("not known before it is here");
  });

  it("names what stands in the way and what to do", () => {
    expect(hereText(offer({ obstacle: "for TensorFlow", instead: "look for GGUF" }))).toBe("can't be run: for TensorFlow; look for GGUF");
  });

  it("says what it is for, and which languages it speaks", () => {
    expect(purposeText(offer({ code: true }, { sees: true }))).toBe("conversations, programming, sees pictures");
    expect(purposeText(offer({}, { tuned_for: "base" }))).toBe("continuing a text (base model)");
    expect(purposeText(offer({}, { purpose: "embedding" }))).toBe("making embeddings");
    expect(spokenText(offer({}, { languages: ["de", "en", "fr", "es", "it", "pt", "nl"] }))).toMatch(/^German, .*2 more$/);
    expect(spokenText(offer({}, { languages: [] }))).toBe("not stated");
  });

  it("says where a size is not exact", () => {
    expect(offeredSize(offer())).toBe("2.5 GB");
    expect(offeredSize(offer({ size_is_exact: false }))).toBe("about 2.5 GB");
    expect(offeredSize(offer({}, { size_bytes: 0 }))).toBe("size unknown");
  });
});
