/** What a screen reader is told of a reply that grows: whole sentences, as they are finished. */

const FENCE = /^ {0,3}(```+|~~~+)[^\n]*\n(?:[^]*?\n {0,3}\1[`~]*[ \t]*(?:\n|$)|[^]*$)/gm;
const SENTENCE_ENDS = /[.!?…]["')\]”’»*_]*\s|[。！？…][”’」』）]*|\n\s*\n|\n(?=\s*(?:[-*+#>|]|\d+[.)])\s?)/g;
/** So much is told at once at the most: whoever comes late hears the newest. */
const MOST = 600;

/** Return where the last whole sentence of `text` after `from` ends; `from` itself where there is none. */
export function sentenceEnd(text: string, from: number): number {
  let end = from;
  for (const match of text.slice(from).matchAll(SENTENCE_ENDS)) end = from + match.index + match[0].length;
  return insideCode(text.slice(0, end)) ? from : end;
}

function insideCode(text: string): boolean {
  return (text.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0) % 2 === 1;
}

/** Return a piece of Markdown as one would read it aloud; `code` stands for a block of code. */
export function spoken(markdown: string, code: string): string {
  const words = markdown
    .replace(FENCE, `\n${code}\n`)
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\|[-:| ]+\|$)\s*/gm, "")
    .replace(/(\*\*|__|~~|`+)(.+?)\1/g, "$2")
    .replace(/\|/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return words.length > MOST ? words.slice(-MOST) : words;
}
