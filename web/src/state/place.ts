/** Which model answers, and where it computes. Pure. */

import type { ModelCard } from "../api/types";
import type { State } from "./model";

export const cardOf = (state: State, reference: string | null): ModelCard | undefined =>
  state.models.find((card) => (reference === null ? card.is_default : card.reference === reference || card.name === reference));

/** A model's short name: the last part of what it is called by, where nobody knows it any more. */
export const nameOf = (state: State, reference: string | null): string =>
  cardOf(state, reference)?.name ?? (reference ?? state.status?.default_model ?? "").split(/[/:]/).at(-1) ?? "";

/** Where a model computes; undefined where nobody knows it any more, since nothing is to be claimed then. */
export const placeOf = (state: State, reference: string | null): ModelCard["place"] | undefined =>
  cardOf(state, reference)?.place ?? (reference?.startsWith("remote:") ? "elsewhere" : undefined);
