/** How fast something goes and how long it will take, from what was reported. Pure. */

export interface Sample {
  readonly at_ms: number;
  readonly done: number;
}

/** A download's speed changes: only the last moments count. */
const WINDOW_MS = 8000;

export function sampled(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1);
  // A fetch that begins anew, or another stage, is measured from its own beginning.
  if (last && next.done < last.done) return [next];
  return [...samples.filter(({ at_ms }) => next.at_ms - at_ms <= WINDOW_MS), next];
}

/** Return units a second, or null while there is too little to tell. */
export function pace(samples: readonly Sample[]): number | null {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last || last.at_ms - first.at_ms < 500) return null;
  return ((last.done - first.done) / (last.at_ms - first.at_ms)) * 1000;
}

export function remaining_s(samples: readonly Sample[], total: number | null): number | null {
  const speed = pace(samples);
  const done = samples.at(-1)?.done;
  return speed && total !== null && done !== undefined ? Math.max(0, total - done) / speed : null;
}
