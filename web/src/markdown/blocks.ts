/** A text that grows, cut into blocks: those that can't change any more are made once and never again. */

import type { Token } from "marked";

import { escaped } from "./escape";
import { mended } from "./mend";
import { htmlOf, isFence, languageOf, lex, unclosed } from "./syntax";

export type Block =
  | { readonly kind: "code"; readonly language: string; readonly text: string; readonly open: boolean }
  | { readonly kind: "html"; readonly html: string };

export class Blocks {
  #text = "";
  #finished: Block[] = [];
  /** how many characters of the text are in `#finished` */
  #length = 0;

  /**
   * Return the blocks of `text`. While it `grows`, only what follows the last finished block is looked at.
   * At its end all of it is, once: a link's address may be named in the last line.
   */
  of(text: string, grows: boolean): readonly Block[] {
    const given = text.replace(/\r\n?/g, "\n");
    if (!grows) return blocksOf(given);
    if (!given.startsWith(this.#text)) this.#forget();
    this.#text = given;
    this.#finish(given.slice(this.#length, given.lastIndexOf("\n") + 1));
    const rest = given.slice(this.#length);
    return [...this.#finished, ...blocksOf(inCode(rest) ? rest : mended(rest))];
  }

  #forget(): void {
    this.#finished = [];
    this.#length = 0;
  }

  /** Whole lines can only change the block that they end with: what is before it is finished. */
  #finish(lines: string): void {
    const tokens = tokensOf(lines);
    const last = tokens.findLastIndex((token) => token.type !== "space");
    for (const token of tokens.slice(0, Math.max(last, 0))) {
      this.#length += token.raw.length;
      this.#finished.push(...blockOf(token));
    }
  }
}

function inCode(text: string): boolean {
  return tokensOf(text).at(-1)?.type === "code";
}

function blocksOf(text: string): Block[] {
  return tokensOf(text).flatMap(blockOf);
}

function blockOf(token: Token): Block[] {
  if (isFence(token)) {
    return [{ kind: "code", language: languageOf(token.lang), text: token.text, open: unclosed(token) }];
  }
  const html = htmlOf([token]);
  return html.trim() ? [{ kind: "html", html }] : [];
}

/** Quotes in quotes in quotes by the thousand are nobody's Markdown: such a text is shown as it is. */
function tokensOf(text: string): Token[] {
  try {
    return lex(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const words = { type: "escape", raw: text, text: escaped(text) };
    return [{ type: "paragraph", raw: text, text, tokens: [words] }];
  }
}
