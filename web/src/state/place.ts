/** Which model answers, and where it runs. Pure. */

import type { ModelCard, Persona } from "../api/types";
import type { State } from "./model";

export const cardOf = (state: State, reference: string | null): ModelCard | undefined =>
  state.models.find((card) => (reference === null ? card.is_default : card.reference === reference || card.name === reference));

/** A model's short name: the last part of what it is called by, where nobody knows it any more. */
export const nameOf = (state: State, reference: string | null): string =>
  cardOf(state, reference)?.name ?? (reference ?? state.status?.default_model ?? "").split(/[/:]/).at(-1) ?? "";

/** Engines run on this machine, but for those that are called remote. */
export const runsHere = (state: State, reference: string | null): boolean => {
  const name = reference ?? state.status?.default_model;
  return !state.status?.engines.some(({ model, engine }) => model === name && engine === "remote");
};

export const personaOf = (state: State, name: string | null): Persona | undefined =>
  state.personas.find((persona) => persona.name === name);
