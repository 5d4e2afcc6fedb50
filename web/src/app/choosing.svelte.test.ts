import { beforeEach, describe, expect, it, vi } from "vitest";

import { api } from "../api/client";
import type { Conversation, ModelCard, Persona } from "../api/types";
import { begun, choose, choosing, inhabit } from "./choosing.svelte";
import { inForce, samplingInForce } from "./defaults";
import { preferences } from "./preferences.svelte";
import { store } from "./store.svelte";

const card = (reference: string, given: Partial<ModelCard> = {}) => ({ reference, name: reference, is_default: false, installed: true, defaults: {}, ...given }) as ModelCard;
const teacher = { name: "teacher", description: "Be patient.", defaults: { sampling: { temperature: 0.5 } } } as unknown as Persona;
const settings = { model: "pypi:m", persona: null, sampling: { temperature: 0.3, top_k: 20 } } as never;

function opened(defaults: object): void {
  const conversation = { id: "c", title: "", head_id: null, temporary: false, deleted_at: null, defaults } as unknown as Conversation;
  store.change({ type: "opened", tree: { conversation, messages: [] } });
}

beforeEach(() => {
  vi.restoreAllMocks();
  begun();
  preferences.habits = {};
  store.change({ type: "closed" });
  store.change({ type: "settings", settings });
  store.change({ type: "models", models: [card("pypi:m", { is_default: true, defaults: { sampling: { temperature: 0.1, top_p: 0.9 } } as never }), card("pypi:other")] });
  store.change({ type: "personas", personas: [teacher] });
});

describe("the next chat", () => {
  it("begins with the settings' model and what its makers recommend where nobody says more", () => {
    const { card: used, beneath } = choosing.current;
    expect(used?.reference).toBe("pypi:m");
    expect(samplingInForce(beneath, "top_p")).toEqual({ value: 0.9, source: "model" });
    expect(samplingInForce(beneath, "temperature")).toEqual({ value: 0.3, source: "settings" });
  });

  it("has its own wishes, which the one after it hasn't", async () => {
    inhabit({ sampling: { seed: 1 } });
    await choose({ persona: "teacher", model: "pypi:other" });
    expect(choosing.beginning).toEqual({ persona: "teacher", model: "pypi:other", sampling: { seed: 1 } });
    expect(inForce(choosing.current.beneath, "system")).toEqual({ value: "Be patient.", source: "persona" });
    begun();
    expect(choosing.beginning).toEqual({ sampling: { seed: 1 } });
  });

  it("can do without a habit", async () => {
    inhabit({ sampling: { temperature: 1 } });
    await choose({ sampling: { temperature: null } });
    expect(choosing.beginning).toEqual({});
  });
});

describe("the open chat", () => {
  it("gets all of its choices with each change, the ones made a moment ago among them", async () => {
    opened({ model: "pypi:other", persona: null, sampling: { temperature: null, seed: 4 } });
    const sent: unknown[] = [];
    vi.spyOn(api, "change").mockImplementation(async (id, { defaults }) => {
      sent.push(defaults);
      await new Promise((resolve) => setTimeout(resolve));
      return { ...store.state.open!.conversation, id, defaults } as Conversation;
    });
    await Promise.all([choose({ sampling: { temperature: 0.2 } }), choose({ persona: "teacher", sampling: { seed: null } })]);
    expect(sent).toEqual([
      { model: "pypi:other", sampling: { temperature: 0.2, seed: 4 } },
      { model: "pypi:other", persona: "teacher", sampling: { temperature: 0.2 } },
    ]);
    expect(choosing.current.persona).toBe("teacher");
  });
});
