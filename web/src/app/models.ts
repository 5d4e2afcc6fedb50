/** What can be said of a model before and after it was used here. Pure. */

import type { Message, ModelCard, ServerStatus } from "../api/types";

/** English words per token, about: OpenAI's rule of thumb for its own tokenizers. */
const WORDS_PER_TOKEN = 0.75;
const REPLIES = 9;

/** Return how many words fit, to a number that nobody takes for exact. */
export const wordsIn = (tokens: number): number => Number((tokens * WORDS_PER_TOKEN).toPrecision(1));

/** Return the median of the newest replies' words per second with this model, or null. */
export function measuredSpeed(messages: Iterable<Message>, reference: string): number | null {
  const speeds = [...messages]
    .filter(({ model, timings }) => model === reference && timings?.tokens_per_second)
    .slice(-REPLIES)
    .map(({ timings }) => timings?.tokens_per_second ?? 0)
    .sort((one, other) => one - other);
  const middle = speeds[Math.floor(speeds.length / 2)];
  return middle === undefined ? null : middle * WORDS_PER_TOKEN;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether the machine that serves this page is the one in front of which one sits. */
export const sameMachine = (hostname: string): boolean => LOOPBACK.test(hostname);

export const deviceOf = (status: ServerStatus | null, reference: string): string | null =>
  status?.engines.find(({ model }) => model === reference)?.device ?? null;

export const cardOf = (models: readonly ModelCard[], reference: string | null): ModelCard | undefined =>
  models.find((card) => (reference === null ? card.is_default : card.reference === reference));

/** Whether a model comes here by being fetched; a file, a name and other programs' models don't. */
export const isFetched = (reference: string): boolean => /^(pypi|hf|https):/.test(reference);

/** Whether a model is Fireside's to remove: it was fetched, or is a name. Other programs' and servers' are not. */
export const isRemovable = (reference: string): boolean => isFetched(reference) || reference.startsWith("alias:");

/** Return the page of the model's makers, where a reference tells it. */
export function sourceUrl(reference: string): string | null {
  const [source = "", name = ""] = [reference.slice(0, reference.indexOf(":")), reference.slice(reference.indexOf(":") + 1)];
  if (source === "pypi") return `https://pypi.org/project/${encodeURIComponent(name)}/`;
  if (source === "hf") return `https://huggingface.co/${name.split(":")[0]?.split("/").map(encodeURIComponent).join("/")}`;
  return null;
}
