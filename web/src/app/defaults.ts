/** Who decides how an answer is made: the model's makers, the settings, a persona, a chat. Pure. */

import type { Answering, Persona, Sampling } from "../api/types";

/** Who named a value; `engine` where nobody did. */
export type Source = "engine" | "model" | "settings" | "persona" | "chat";

export interface Layer {
  readonly source: Source;
  readonly answering: Answering;
}

export interface InForce<T> {
  readonly value: T | null;
  readonly source: Source;
}

type Names = Exclude<keyof Answering, "sampling">;

/** What llama.cpp does where nobody says anything (tools/server/README.md, "POST /completion"). */
export const ENGINE: Layer = {
  source: "engine",
  answering: { format: "chat", sampling: { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1 } },
};

/** Return what is said, without what is left open: the server fills that in. */
export function named(answering: Answering): Answering {
  const { sampling, ...rest } = answering;
  const chosen = said(sampling ?? {});
  return { ...said(rest), ...(Object.keys(chosen).length && { sampling: chosen }) };
}

const said = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined)) as Partial<T>;

/** Return `under` with everything replaced that `over` names; null in `over` takes a value away. */
export function merged(under: Answering, over: Answering): Answering {
  const sampling = { ...under.sampling, ...over.sampling };
  return named({ ...under, ...over, sampling });
}

/** Return `from` without what `taken` names. */
export function without(from: Answering, taken: Answering): Answering {
  const { sampling = {}, ...others } = named(taken);
  const cleared = (values: object) => Object.fromEntries(Object.keys(values).map((key) => [key, null]));
  return merged(from, { ...cleared(others), sampling: cleared(sampling) });
}

/** What a persona says; its description is the system text. */
export const ofPersona = (persona: Persona): Answering =>
  named({ ...persona.defaults, system: persona.description });

/** What a new chat begins with: this browser's habits give way to the persona, the chat's own wishes to nobody. */
export function beginning(habits: Answering, persona: Persona | undefined, chat: Answering): Answering {
  return merged(persona ? without(habits, ofPersona(persona)) : habits, chat);
}

/** Return the last layer's value of `key`. */
export function inForce<K extends Names>(layers: readonly Layer[], key: K): InForce<NonNullable<Answering[K]>> {
  return lastOf(layers, (answering) => answering[key]);
}

export function samplingInForce<K extends keyof Sampling>(layers: readonly Layer[], key: K): InForce<NonNullable<Sampling[K]>> {
  return lastOf(layers, (answering) => answering.sampling?.[key]);
}

function lastOf<T>(layers: readonly Layer[], of: (answering: Answering) => T): InForce<NonNullable<T>> {
  for (const { source, answering } of [...layers].reverse()) {
    const value = of(answering);
    if (value !== null && value !== undefined) return { value, source };
  }
  return { value: null, source: "engine" };
}
