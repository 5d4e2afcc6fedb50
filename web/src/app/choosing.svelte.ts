/** What the next chat begins with, and what the open one uses: model, persona, and how answers are made. */

import type { Answering, ModelCard, Persona } from "../api/types";
import { settled } from "./changes";
import { change } from "./conversations";
import { beginning, ENGINE, inForce, merged, named, ofPersona, type Layer } from "./defaults";
import { cardOf } from "./models";
import { prefer, preferences } from "./preferences.svelte";
import { go, to } from "./routes.svelte";
import { store } from "./store.svelte";

/** Wishes for the next chat alone; the one after begins with the habits again. */
let next = $state.raw<Answering>({});

/** What was chosen for a chat that is there, until the server's answer has it: shown, whatever else arrives. */
let unsaved = $state.raw<readonly { readonly id: string; readonly given: Answering }[]>([]);

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
    const open = store.state.open?.conversation;
    if (!open) return choiceOver(this.beginning);
    const chosen = unsaved.filter(({ id }) => id === open.id);
    return choiceOver(chosen.reduce((own, { given }) => merged(own, given), named(open.defaults)));
  },
  /** What was chosen for the next chat alone. */
  get wishes(): Answering {
    return next;
  },
  get beginning(): Answering {
    return beginning(preferences.habits, personaOf(next.persona), next);
  },
  get habits(): Choice {
    return choiceOver(preferences.habits);
  },
};

/** Change what the open chat uses, or the next one begins with; null takes a choice back. */
export async function choose(given: Answering): Promise<void> {
  const id = store.state.open?.conversation.id;
  if (id === undefined) {
    next = keptNulls(next, given);
    return;
  }
  const choice = { id, given };
  unsaved = [...unsaved, choice];
  await change(id, { choices: given });
  unsaved = unsaved.filter((other) => other !== choice);
}

/** Resolves once the server knows what was chosen so far: what is asked next is answered that way. */
export const chosen = (): Promise<unknown> => settled(store.state.open?.conversation.id ?? "");

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

/** The next chat has begun with `wishes`, which are its own now; what was chosen while it did is so, too. */
export function begun(wishes: Answering): void {
  const since = next;
  next = {};
  if (since !== wishes) void choose(since);
}

export function beginWith(persona: Persona): void {
  next = { persona: persona.name };
  go(to.new);
  dispatchEvent(new CustomEvent("fireside:focus-composer"));
}
