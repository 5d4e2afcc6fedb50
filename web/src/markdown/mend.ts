/** Marks that a half-written line has opened and not yet closed would be seen for a moment: they are closed for it. */

/** Return `text` with its last line closed: `so **wha` is `so **wha**`. */
export function mended(text: string): string {
  const line = text.slice(text.lastIndexOf("\n") + 1);
  const code = line.match(/`+/g)?.every((ticks) => ticks.length === 1) && line.split("`").length % 2 === 0;
  if (code) return /`\s*$/.test(line) ? text : `${text}\``;
  const words = line.replace(/`[^`]*`/g, "");
  const strong = words.split("**");
  const last = strong.at(-1) ?? "";
  // Two stars that nothing follows yet may open or close.
  if (strong.length % 2 === 1 || !/^\S/.test(last)) return text;
  return `${text.trimEnd().replace(/\*$/, "")}**`;
}
