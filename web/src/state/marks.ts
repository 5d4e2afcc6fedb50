/** What a search found, in pieces: the server puts U+0002 before a match and U+0003 behind it. Pure. */

export interface Piece {
  readonly text: string;
  readonly marked: boolean;
}

const MARKS = /([\u0002\u0003])/;

/** Return the pieces of `snippet`; none is empty, and a mark without its other half ends with the text. */
export function pieces(snippet: string): readonly Piece[] {
  const found: Piece[] = [];
  let marked = false;
  for (const text of snippet.split(MARKS)) {
    if (text === "\u0002" || text === "\u0003") marked = text === "\u0002";
    else if (text) found.push({ text, marked });
  }
  return found;
}
