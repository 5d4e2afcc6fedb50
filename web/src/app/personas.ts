/** A persona as its form has it, and as TOML: the format of `fireside.personas.toml`. Pure. */

import type { Answering, Persona, Sampling } from "../api/types";
import { named } from "./defaults";

export interface PersonaForm {
  readonly name: string;
  readonly description: string;
  readonly firstMessage: string;
  readonly answering: Answering;
}

export const EMPTY_PERSONA: PersonaForm = { name: "", description: "", firstMessage: "", answering: {} };

export const formOf = (persona: Persona): PersonaForm => ({
  name: persona.name,
  description: persona.description,
  firstMessage: persona.first_message ?? "",
  answering: named(persona.defaults),
});

/** As `fireside.cards.PersonaName`: letters of any script, digits, spaces, dots, hyphens, underscores. */
export const goodName = (name: string): boolean =>
  name === name.trim() && name.length <= 60 && /^[\p{L}\p{N}_][\p{L}\p{N}_ .-]*$/u.test(name);

/** Two names are one persona when they differ in upper and lower case only. */
export const sameName = (one: string, other: string): boolean =>
  one.normalize("NFC").toLowerCase() === other.normalize("NFC").toLowerCase();

/** Return a name for a copy that nobody has yet. */
export function nameOfCopy(name: string, taken: readonly string[]): string {
  for (let n = 2; ; n++) {
    const copy = `${name.slice(0, 54).trim()} ${n}`;
    if (!taken.some((other) => sameName(other, copy))) return copy;
  }
}

/** Return the text from which the server makes the same persona. */
export function toToml({ name, description, firstMessage, answering }: PersonaForm): string {
  const { model, format, me, you, reasoning, sampling } = answering;
  const lines = written({ name, description, first_message: firstMessage || null, model, format, me, you, reasoning });
  const chosen = written(sampling ?? {});
  return [...lines, ...(chosen.length ? ["", "[sampling]", ...chosen] : []), ""].join("\n");
}

type TomlValue = string | number | boolean | readonly string[] | null | undefined;

const written = (values: Readonly<Record<string, TomlValue>> | Partial<Sampling>): string[] =>
  Object.entries(values).flatMap(([key, value]) => (value === null || value === undefined ? [] : [`${key} = ${inToml(value)}`]));

function inToml(value: string | number | boolean | readonly string[]): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `[${value.map((item) => `"${escaped(item)}"`).join(", ")}]`;
  // Lines stay lines, so that a person can read and change the file with an editor.
  const lines = value.replace(/\r\n?/g, "\n");
  return lines.includes("\n") ? `"""\n${lines.split("\n").map(escaped).join("\n")}"""` : `"${escaped(lines)}"`;
}

/** Lone surrogates can't be said in UTF-8, nor escaped in TOML: they become U+FFFD. */
const escaped = (text: string): string =>
  [...text].map((character) => {
    if (character === "\\" || character === '"') return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
    return code < 0x20 || code === 0x7f ? `\\u${code.toString(16).padStart(4, "0")}` : character;
  }).join("");
