/** The numbers that steer how the next word is chosen: their bounds, and reading them as they are typed. Pure. */

import type { Sampling } from "../api/types";

export type NumberKey = "temperature" | "top_p" | "top_k" | "min_p" | "repeat_penalty" | "max_tokens" | "seed";

export interface Bounds {
  readonly key: NumberKey;
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

/** As `fireside.messages.Sampling` has them; a penalty of exactly 0 is refused there, too. */
export const NUMBERS: readonly Bounds[] = [
  { key: "temperature", min: 0, max: 100, whole: false },
  { key: "top_p", min: 0, max: 1, whole: false },
  { key: "top_k", min: 0, max: 1_000_000, whole: true },
  { key: "min_p", min: 0, max: 1, whole: false },
  { key: "repeat_penalty", min: 0.01, max: 10, whole: false },
  { key: "max_tokens", min: 1, max: 10_000_000, whole: true },
  { key: "seed", min: 0, max: 4_294_967_294, whole: true },
];
export const MOST_STOPS = 16;
export const LONGEST_STOP = 200;

export type Read<T> = { readonly value: T | null } | { readonly wrong: "number" | "whole" | "range" };

/** Read a number as people write it; nothing typed means nothing chosen. A decimal comma is one, too. */
export function readNumber(text: string, { min, max, whole }: Bounds): Read<number> {
  const typed = text.trim().replace(/^([^,.]*),([^,.]*)$/, "$1.$2");
  if (!typed) return { value: null };
  const value = /^[-+]?(\d+\.?\d*|\.\d+)$/.test(typed) ? Number(typed) : NaN;
  if (Number.isNaN(value)) return { wrong: "number" };
  if (whole && !Number.isInteger(value)) return { wrong: "whole" };
  return value < min || value > max ? { wrong: "range" } : { value };
}

/** Read stop strings, one a line; `\n`, `\t` and `\\` stand for what can't be typed in a line. */
export function readStops(text: string): Read<readonly string[]> {
  const stops = text.split("\n").filter(Boolean).map(unescaped);
  if (stops.length > MOST_STOPS || stops.some((stop) => stop.length > LONGEST_STOP)) return { wrong: "range" };
  return { value: stops.length ? [...new Set(stops)] : null };
}

export const writtenStops = (stops: Sampling["stop"] | undefined): string =>
  (stops ?? []).map((stop) => stop.replace(/[\\\n\t]/g, (character) => ESCAPES[character] ?? character)).join("\n");

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

const unescaped = (text: string): string =>
  text.replace(/\\([\\nt])/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "t" ? "\t" : "\\"));
