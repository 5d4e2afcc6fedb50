/** What is said of a model before it is fetched, in plain words; and asking for offers. */

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import type { Offer } from "../api/types";
import { language, t } from "../i18n/index.svelte";
import type { LookingChange } from "../state/offers";
import { languagesText, sizeText, waitText } from "./amounts";
import { report } from "./store.svelte";

const GB = 1e9;
const SHOWN_LANGUAGES = 5;

/** Return how a model would run here: `answers begin in 2 sec, 9 words a second; 4.4 of 24 GB`. */
export function hereText(offer: Offer): string {
  if (offer.obstacle) return t("offers.obstacle", { why: [offer.obstacle, offer.instead].filter(Boolean).join("; ") });
  const told = offer.prediction;
  if (!told) return t("offers.unknown");
  const memory = memoryText(told.memory_bytes, told.available_bytes);
  if (told.fits === false) return t("offers.tooLarge", { memory });
  if (told.first_word_s === null || told.words_per_s === null) return memory;
  const wait = waitText(told.first_word_s, language.code);
  return t("offers.runs", { wait, n: rounded(told.words_per_s), memory });
}

function memoryText(needed: number, available: number | null): string {
  const amount = (bytes: number) => rounded(bytes / GB);
  return available === null ? t("offers.memory", { needed: amount(needed) }) : t("offers.memoryOf", { needed: amount(needed), available: amount(available) });
}

const rounded = (amount: number): string =>
  new Intl.NumberFormat(language.code, { maximumFractionDigits: amount < 9.95 ? 1 : 0 }).format(Math.max(amount, 0.1));

/** Return what a model is for. */
export function purposeText({ card, code }: Offer): string {
  const what = card.purpose === "embedding" ? t("offers.embeds") : card.purpose === "ranking" ? t("offers.ranks") : card.tuned_for === "base" ? t("offers.base") : t("offers.instruct");
  return [what, ...(code ? [t("offers.code")] : []), ...(card.sees ? [t("offers.sees")] : [])].join(", ");
}

export function spokenText({ card, languages_said }: Offer): string {
  const tags = card.languages.slice(0, SHOWN_LANGUAGES);
  const more = card.languages.length - tags.length;
  const named = tags.length ? [languagesText(tags, language.code)] : [];
  return [...named, ...(more > 0 ? [t("offers.more", { n: more })] : []), ...(languages_said ? [languages_said] : [])].join(", ") || t("models.languagesUnknown");
}

export function offeredSize(offer: Offer): string {
  const size = sizeText(offer.card.size_bytes, language.code);
  if (!offer.card.size_bytes) return t("offers.sizeUnknown");
  return offer.size_is_exact ? size : t("offers.about", { size });
}

/** Ask for what `words` mean, or for the shelf where there are none; `told` hears what comes of it. */
export async function lookFor(words: string, fits: boolean, turn: number, told: (change: LookingChange) => void): Promise<void> {
  try {
    const { offers } = words ? await api.searchModels(words, fits) : await api.shelf(language.code.slice(0, 2));
    told({ type: "offered", turn, words: words || null, offers });
  } catch (error) {
    if (!(error instanceof ApiError) || error.signedOut) report(error);
    const failed = error instanceof ApiError ? { text: error.unreachable ? t("link.unreachable") : error.message, hint: error.hint } : { text: t("link.unreachable"), hint: null };
    told({ type: "failed", turn, ...failed });
  }
}
