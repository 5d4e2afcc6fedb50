/** Which messages of a long branch are drawn: a span that moves and never holds more than it may. Pure. */

/** From `from` up to `to`; null is the end, wherever it is. */
export interface Span {
  readonly from: number;
  readonly to: number | null;
}

export const FIRST = 10;
export const STEP = 4;
export const MOST = 100;

export const newest = (count: number): Span => ({ from: Math.max(0, count - FIRST), to: null });

export function around(index: number, count: number): Span {
  const to = index + FIRST / 2;
  return { from: Math.max(0, index - FIRST / 2), to: to >= count ? null : to };
}

/** Return the span with older messages in it; the newest are let go of where there are too many. */
export function earlier({ from, to }: Span, count: number): Span {
  const start = Math.max(0, from - STEP);
  const end = Math.min(to ?? count, start + MOST);
  return { from: start, to: end >= count ? null : end };
}

/** Return the span with newer messages in it; the oldest are let go of where there are too many. */
export function later({ from, to }: Span, count: number): Span {
  const end = Math.min(count, (to ?? count) + STEP);
  return { from: Math.max(from, end - MOST), to: end >= count ? null : end };
}

/** Return the span for a branch that is another or shorter now. */
export function within(span: Span, count: number): Span {
  if (span.from < count || count === 0) return span.to !== null && span.to >= count ? { from: span.from, to: null } : span;
  return newest(count);
}
