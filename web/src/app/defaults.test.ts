import { describe, expect, it } from "vitest";

import type { Persona } from "../api/types";
import { beginning, ENGINE, inForce, merged, named, ofPersona, samplingInForce, without, type Layer } from "./defaults";

const NOTHING = { temperature: null, top_k: null, top_p: null, min_p: null, typical_p: null, repeat_penalty: null, repeat_last_n: null, presence_penalty: null, frequency_penalty: null, max_tokens: null, seed: null, stop: null };
const teacher: Persona = {
  name: "teacher",
  description: "You are patient.",
  first_message: null,
  source: null,
  defaults: { model: null, persona: null, system: null, format: null, me: null, you: "Ada", reasoning: null, sampling: { ...NOTHING, temperature: 0.5 } },
};

describe("defaults", () => {
  it("leave out what nobody decided, as the server gives it back in full", () => {
    expect(named({ model: "m", persona: null, sampling: { ...NOTHING, seed: 0 } })).toEqual({ model: "m", sampling: { seed: 0 } });
    expect(named({ sampling: NOTHING })).toEqual({});
    expect(named({ reasoning: false, system: "" })).toEqual({ reasoning: false, system: "" });
  });

  it("are merged before they are sent, since a change replaces all of them", () => {
    const now = { model: "m", sampling: { temperature: 0.2, seed: 7 } };
    expect(merged(now, { persona: "teacher", sampling: { seed: 8 } })).toEqual({ model: "m", persona: "teacher", sampling: { temperature: 0.2, seed: 8 } });
  });

  it("lose what is put back, one value or all", () => {
    const now = { model: "m", sampling: { temperature: 0.2, seed: 7 } };
    expect(merged(now, { sampling: { seed: null } })).toEqual({ model: "m", sampling: { temperature: 0.2 } });
    expect(without(now, { sampling: { temperature: 1, seed: 1 } })).toEqual({ model: "m" });
  });

  it("give way to a persona where they are only habits", () => {
    const habits = { system: "Be brief.", sampling: { temperature: 1, top_k: 5 } };
    expect(beginning(habits, teacher, { persona: "teacher" })).toEqual({ persona: "teacher", sampling: { top_k: 5 } });
    expect(beginning(habits, teacher, { persona: "teacher", sampling: { temperature: 0 } }).sampling).toEqual({ top_k: 5, temperature: 0 });
    expect(beginning(habits, undefined, {})).toEqual(habits);
  });

  it("say who decided", () => {
    const layers: Layer[] = [
      ENGINE,
      { source: "settings", answering: { sampling: { top_p: 0.8, temperature: 0.1 } } },
      { source: "persona", answering: ofPersona(teacher) },
      { source: "chat", answering: { sampling: { seed: 3 } } },
    ];
    expect(samplingInForce(layers, "temperature")).toEqual({ value: 0.5, source: "persona" });
    expect(samplingInForce(layers, "top_p")).toEqual({ value: 0.8, source: "settings" });
    expect(samplingInForce(layers, "top_k")).toEqual({ value: 40, source: "engine" });
    expect(samplingInForce(layers, "seed")).toEqual({ value: 3, source: "chat" });
    expect(samplingInForce(layers, "max_tokens")).toEqual({ value: null, source: "engine" });
    expect(inForce(layers, "system")).toEqual({ value: "You are patient.", source: "persona" });
  });
});
