/** What the next chat begins with, and what the open one uses: model, persona, and how answers are made. */

import { api } from "../api/client";
import type { Answering, ModelCard, Persona } from "../api/types";
import { beginning, ENGINE, inForce, merged, named, ofPersona, type Layer } from "./defaults";
import { cardOf } from "./models";
import { prefer, preferences } from "./preferences.svelte";
import { go, to } from "./routes.svelte";
import { attempt, store } from "./store.svelte";

/** Wishes for the next chat alone; the one after begins with the habits again. */
let next = $state.raw<Answering>({});

const personaOf = (name: string | null | undefined): Persona | undefined =>
  store.state.personas.find((persona) => persona.name === name);

function layers(own: Answering): readonly Layer[] {
  const settings = store.state.settings;
  const base: Answering = settings ? named({ model: settings.model, persona: settings.persona, sampling: settings.sampling }) : {};
  const persona = personaOf(own.persona ?? base.persona);
  const said: readonly Layer[] = [
    { source: "settings", answering: base },
    ...(persona ? [{ source: "persona" as const, answering: ofPersona(persona) }] : []),
  ];
  const model = inForce([...said, { source: "chat", answering: own }], "model").value;
  const card = cardOf(store.state.models, model);
  return [ENGINE, ...(card ? [{ source: "model" as const, answering: named(card.defaults) }] : []), ...said];
}

/** Everything that can be known of how answers come about where `own` is what one chose oneself. */
export interface Choice {
  readonly own: Answering;
  /** what decides where `own` doesn't, the weakest first */
  readonly beneath: readonly Layer[];
  readonly model: string | null;
  readonly card: ModelCard | undefined;
  readonly persona: string | null;
}

/** Where `own` is what a chat, a persona or this browser decides: what is in force, and by whom. */
export function choiceOver(own: Answering): Choice {
  const beneath = layers(own);
  const all: readonly Layer[] = [...beneath, { source: "chat", answering: own }];
  const model = inForce(all, "model").value;
  return { own, beneath, model, card: cardOf(store.state.models, model), persona: inForce(all, "persona").value };
}

export const choosing = {
  /** The open chat's choice, or that of the chat that would begin now. */
  get current(): Choice {
    const open = store.state.open;
    return choiceOver(open ? named(open.conversation.defaults) : this.beginning);
  },
  get beginning(): Answering {
    return beginning(preferences.habits, personaOf(next.persona), next);
  },
  get habits(): Choice {
    return choiceOver(preferences.habits);
  },
};

let earlier: Promise<unknown> = Promise.resolve();

/** Change what the open chat uses, or the next one begins with; null takes a choice back. */
export function choose(given: Answering): Promise<unknown> {
  const id = store.state.open?.conversation.id;
  if (id === undefined) {
    next = keptNulls(next, given);
    return Promise.resolve();
  }
  // All defaults are replaced at once: each change waits for the one before, and is made to its result.
  earlier = earlier.then(() => attempt(() => changed(id, given)));
  return earlier;
}

/** Resolves once the server knows what was chosen so far: what is asked next is answered that way. */
export const chosen = (): Promise<unknown> => earlier;

async function changed(id: string, given: Answering): Promise<void> {
  const open = store.state.open?.conversation;
  const now = open?.id === id ? open.defaults : (await api.tree(id)).conversation.defaults;
  const conversation = await api.change(id, { defaults: merged(named(now), given) });
  store.change({ type: "conversation", conversation });
}

/** For the next chat a null hides the habit beneath it, so it stays. */
const keptNulls = (under: Answering, over: Answering): Answering => ({
  ...under,
  ...over,
  sampling: { ...under.sampling, ...over.sampling },
});

/** Change what every new chat of this browser begins with. */
export function inhabit(given: Answering): void {
  prefer({ habits: merged(preferences.habits, given) });
}

/** The next chat has begun: its wishes are its own now. */
export function begun(): void {
  next = {};
}

export function beginWith(persona: Persona): void {
  next = { persona: persona.name };
  go(to.new);
  dispatchEvent(new CustomEvent("fireside:focus-composer"));
}
