import { describe, expect, it } from "vitest";

import type { Offer } from "../api/types";
import { looked, nothing, type Looking, type LookingChange } from "./offers";

const offer = (name: string) => ({ card: { name } }) as Offer;
const after = (...changes: LookingChange[]): Looking => changes.reduce(looked, nothing);
const shelf: LookingChange[] = [{ type: "begun" }, { type: "offered", turn: 1, words: null, offers: [offer("first")] }];

describe("looking for a model", () => {
  it("shows what was offered for the words", () => {
    const state = after(...shelf, { type: "begun" }, { type: "offered", turn: 2, words: "german", offers: [offer("klein")] });
    expect(state).toMatchObject({ words: "german", busy: false, failure: null });
    expect(state.offers.map(({ card }) => card.name)).toEqual(["klein"]);
  });

  it("is busy until the last search has ended", () => {
    const late: LookingChange = { type: "offered", turn: 2, words: "a", offers: [offer("a")] };
    const state = after(...shelf, { type: "begun" }, { type: "begun" }, late);
    expect(state.busy).toBe(true);
    expect(state.offers.map(({ card }) => card.name)).toEqual(["first"]);
  });

  it("keeps the shelf in view when the hub is away, and says why", () => {
    const state = after(...shelf, { type: "begun" }, { type: "failed", turn: 2, text: "away", hint: "check" });
    expect(state.failure).toEqual({ text: "away", hint: "check" });
    expect(state.offers).toHaveLength(1);
    expect(state.busy).toBe(false);
  });

  it("forgets a failure once something was found", () => {
    const failed: LookingChange[] = [{ type: "begun" }, { type: "failed", turn: 1, text: "away", hint: null }];
    expect(after(...failed, { type: "begun" }, { type: "offered", turn: 2, words: "x", offers: [] }).failure).toBeNull();
  });
});
