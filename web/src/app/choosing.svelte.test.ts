import { beforeEach, describe, expect, it, vi } from "vitest";

import { api, type Change } from "../api/client";
import { ApiError } from "../api/errors";
import type { Conversation, Defaults, ModelCard, Persona } from "../api/types";
import { begun, choose, choosing, inhabit } from "./choosing.svelte";
import { open } from "./conversations";
import { inForce, merged, named, samplingInForce } from "./defaults";
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
  begun(choosing.wishes);
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
    begun(choosing.wishes);
    expect(choosing.beginning).toEqual({ sampling: { seed: 1 } });
  });

  it("can do without a habit", async () => {
    inhabit({ sampling: { temperature: 1 } });
    await choose({ sampling: { temperature: null } });
    expect(choosing.beginning).toEqual({});
  });
});

/** A server whose answers arrive when the test lets them, each with what was true when it was made. */
function slowServer(): { asked: Change[]; answer: (n?: number) => Promise<void>; look: () => Promise<void> } {
  let now = store.state.open!.conversation;
  const asked: Change[] = [];
  const waiting: (() => void)[] = [];
  const told = (conversation: Conversation) => new Promise<Conversation>((resolve) => waiting.push(() => resolve(conversation)));
  vi.spyOn(api, "change").mockImplementation((_, change) => {
    asked.push(change);
    now = { ...now, defaults: merged(named(now.defaults), change.choices ?? {}) as Defaults };
    return told(now);
  });
  vi.spyOn(api, "tree").mockImplementation(async () => ({ conversation: await told(now), messages: [] }));
  const soon = () => new Promise<void>((resolve) => setTimeout(resolve));
  const answer = async (n = 0) => {
    await soon();
    waiting.splice(n, 1)[0]?.();
    await soon();
  };
  return { asked, answer, look: () => open("c") };
}

describe("the open chat", () => {
  beforeEach(() => opened({ model: "pypi:other", persona: null, sampling: { temperature: null, seed: 4 } }));

  it("tells the server what was chosen, and nothing of what it takes for chosen already", async () => {
    const server = slowServer();
    void choose({ sampling: { temperature: 0.2 } });
    void choose({ persona: "teacher", sampling: { seed: null } });
    await server.answer();
    await server.answer();
    expect(server.asked).toEqual([
      { choices: { sampling: { temperature: 0.2 } } },
      { choices: { persona: "teacher", sampling: { seed: null } } },
    ]);
    expect(choosing.current.own).toEqual({ model: "pypi:other", persona: "teacher", sampling: { temperature: 0.2 } });
  });

  it("shows at once what was chosen, one change after the other on its way", async () => {
    const server = slowServer();
    void choose({ sampling: { temperature: 0.3 } });
    void choose({ sampling: { max_tokens: 7 } });
    const both = { temperature: 0.3, max_tokens: 7, seed: 4 };
    expect(choosing.current.own.sampling).toEqual(both);
    await server.answer();
    expect(server.asked).toHaveLength(2);
    expect(choosing.current.own.sampling).toEqual(both);
    await server.answer();
    expect(choosing.current.own.sampling).toEqual(both);
  });

  it("keeps what was chosen where an answer from before it comes late", async () => {
    const server = slowServer();
    const looked = server.look();
    void choose({ sampling: { temperature: 0.3 } });
    await server.answer(1);
    expect(choosing.current.own.sampling).toEqual({ temperature: 0.3, seed: 4 });
    await server.answer();
    expect(choosing.current.own.sampling).toEqual({ temperature: 0.3, seed: 4 });
    await server.answer();
    await looked;
    expect(choosing.current.own.sampling).toEqual({ temperature: 0.3, seed: 4 });
  });

  it("shows what the server has once a choice was refused", async () => {
    vi.spyOn(api, "change").mockRejectedValue(new ApiError(400, "invalid_request", "no"));
    await choose({ sampling: { temperature: 0.3 } });
    expect(choosing.current.own.sampling).toEqual({ seed: 4 });
  });

  it("has what was chosen while it began", async () => {
    store.change({ type: "closed" });
    await choose({ persona: "teacher" });
    const { wishes } = choosing;
    await choose({ sampling: { seed: 9 } });
    opened({ persona: "teacher" });
    const server = slowServer();
    begun(wishes);
    await server.answer();
    expect(choosing.current.own).toEqual({ persona: "teacher", sampling: { seed: 9 } });
    expect(choosing.wishes).toEqual({});
  });
});
