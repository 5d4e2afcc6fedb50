/** No change overtakes another, and no answer that is older than a change takes its place. */

const lines = new Map<string, Promise<unknown>>();
let ended = 0;

/** Do what changes something on the server. */
export async function changing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    ended++;
  }
}

/** Change what `id` names once every change of it that was begun before has ended. */
export function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
  const go = () => changing(work);
  const turn: Promise<T> = (lines.get(id) ?? Promise.resolve()).then(go, go).finally(() => {
    if (lines.get(id) === turn) lines.delete(id);
  });
  lines.set(id, turn);
  return turn;
}

/** Whether a change of `id` is on its way. */
export const unsettled = (id: string): boolean => lines.has(id);

/** Resolves once every change of `id` that was begun so far has ended. */
export const settled = (id: string): Promise<unknown> => Promise.allSettled([lines.get(id)]);

/** Ask, and ask again where something was changed meanwhile: the answer may not know of it. */
export async function newest<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const before = ended;
    const answer = await ask();
    if (ended === before) return answer;
  }
}
