/** The page's own words. A language is one folder; `en` says which words there are. */

import { preferences } from "../app/preferences.svelte";
import { en } from "./en";
import type { Entry, Same } from "./same";

export type Key = keyof typeof en;
export type Catalogue = Same<typeof en>;

/** Every language and its own name for itself; only the one in use is fetched. */
export const LANGUAGES: Readonly<Record<string, { readonly name: string; readonly load: () => Promise<Catalogue> }>> = {
  en: { name: "English", load: () => Promise.resolve(en) },
  zh: { name: "简体中文", load: async () => (await import("./zh")).zh },
};

let code = $state("en");
let catalogue = $state.raw<Catalogue>(en);

/** Use the language that was chosen, or the first of the browser's that there is. */
export async function useLanguage(): Promise<void> {
  const wanted = [preferences.language, ...navigator.languages].map((tag) => tag?.split("-")[0] ?? "");
  const found = wanted.find((tag) => tag in LANGUAGES) ?? "en";
  catalogue = (await LANGUAGES[found]?.load()) ?? en;
  code = found;
  document.documentElement.lang = found === "zh" ? "zh-Hans" : found;
}

export const language = {
  get code(): string {
    return code;
  },
};

/** Return the text of `key` in the language in use, its `{names}` filled in. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  const entry: Entry = catalogue[key];
  const text = typeof entry === "string" ? entry : chosen(entry, Number(values.n ?? 0));
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(shown(values[name]) ?? whole));
}

function chosen(entry: { readonly one?: string; readonly other: string }, n: number): string {
  return new Intl.PluralRules(code).select(n) === "one" ? (entry.one ?? entry.other) : entry.other;
}

const shown = (value: string | number | undefined): string | undefined =>
  typeof value === "number" ? new Intl.NumberFormat(code).format(value) : value;
