/** Where maths begins and ends: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`. Prices are none. */

import type { TokenizerAndRendererExtension, Tokens } from "marked";

import { escaped } from "./escape";

const BLOCK = /^ {0,3}(?:\$\$(?!\$)((?:(?!\n[ \t]*\n)[^$])+)\$\$|\\\[((?:(?!\n[ \t]*\n|\\\])[^])+)\\\])[ \t]*(?:\n|$)/;
const DISPLAY = /^(?:\$\$(?!\$)([^$\n]+)\$\$|\\\[((?:(?!\n[ \t]*\n|\\\])[^])+)\\\])/;
// As pandoc has it: no space just inside, and no digit after, so that "$5 and $10" stays what it is.
const INLINE = /^(?:\$(?![\s$])((?:\\[^\n]|[^\\$\n])*?[^\s\\$]|(?:\\[^\n]|[^\\$\n])*?\\[^\s])\$(?![\d$])|\\\(((?:(?!\n[ \t]*\n|\\\))[^])+)\\\))/;
const BEGINS = /(?:^|[^\w$\\])\$|\\[([]/;
const BLOCK_BEGINS = /\n {0,3}(?:\$\$|\\\[)/;
const PRICE = /^\d[\d.,]*(?:\s|[a-z]{2,})/i;
const FORMULA = /[\\^_=<>+*/{}|]/;

interface Maths extends Tokens.Generic {
  readonly tex: string;
  readonly display: boolean;
}

function found(type: string, match: RegExpExecArray | null, display: boolean): Maths | undefined {
  const tex = (match?.[1] ?? match?.[2])?.trim();
  if (!match || !tex) return undefined;
  if (!display && match[1] !== undefined && PRICE.test(tex) && !FORMULA.test(tex)) return undefined;
  return { type, raw: match[0], tex, display };
}

/** A formula waits as code: it is what one sees where KaTeX can't read it, or hasn't come yet. */
const shown = (token: Tokens.Generic): string => {
  const { tex, display } = token as Maths;
  return `<code class="maths${display ? " display" : ""}">${escaped(tex)}</code>`;
};

export const maths: TokenizerAndRendererExtension[] = [
  {
    name: "mathsBlock",
    level: "block",
    start: (text) => {
      const at = text.search(BLOCK_BEGINS);
      return at < 0 ? undefined : at + 1;
    },
    tokenizer: (text) => found("mathsBlock", BLOCK.exec(text), true),
    renderer: (token) => `<p>${shown(token)}</p>\n`,
  },
  {
    name: "maths",
    level: "inline",
    start: (text) => {
      const match = BEGINS.exec(text);
      return match ? match.index + (/[$\\]/.test(match[0].charAt(0)) ? 0 : 1) : undefined;
    },
    tokenizer: (text) => found("maths", DISPLAY.exec(text), true) ?? found("maths", INLINE.exec(text), false),
    renderer: shown,
  },
];
