/** Markdown as models write it: GitHub's, with maths, and without HTML. What comes out is not yet sanitised. */

import { Lexer, Marked, type Token, type Tokens } from "marked";

import { escaped } from "./escape";
import { maths } from "./mathsSyntax";

/** The page has the first two levels of headings for itself. */
const LOWERED = 2;
const DEEPEST = 6;
/** Tags that only shape words. They pass where they have no attributes; all other HTML is shown as it was written. */
const PLAIN_TAGS = /&lt;(\/?)(br|b|del|details|em|i|ins|kbd|mark|p|s|small|strong|sub|summary|sup|u)\s*\/?&gt;/gi;

/**
 * Characters. A longer paragraph is shown as it is: looking for marks takes time with the square of its
 * length, and nobody writes one like it.
 */
export const LONGEST_PARAGRAPH = 10_000;

class PatientLexer extends Lexer {
  override inlineTokens(text: string, tokens: Token[] = []): Token[] {
    if (text.length <= LONGEST_PARAGRAPH) return super.inlineTokens(text, tokens);
    tokens.push({ type: "escape", raw: text, text: escaped(text) });
    return tokens;
  }
}

/** Small models also write code without a fence: its lines stay where they begin. HTML has no other way to say that inside of a paragraph. */
const indentation = (spaces: string): string => spaces.replaceAll("\t", "    ").replaceAll(" ", "\u00a0");

const marked = new Marked({
  gfm: true,
  // Small models break the lines of poems and addresses with a single newline and mean it.
  breaks: true,
  extensions: maths,
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(depth + LOWERED, DEEPEST);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    br: ({ raw }) => `<br>${indentation(raw.slice(raw.indexOf("\n") + 1))}`,
    html: ({ text }) => escaped(text).replace(PLAIN_TAGS, "<$1$2>"),
    // A picture from elsewhere tells its host who is reading, and its address may hold the chat itself.
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    link({ href, tokens }) {
      return `<a href="${escaped(href)}">${this.parser.parseInline(tokens)}</a>`;
    },
    listitem(item) {
      return `<li${item.task ? ' class="task"' : ""}>${this.parser.parse(item.tokens)}</li>\n`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    code: ({ text, lang }) => `<pre><code class="language-${escaped(languageOf(lang))}">${escaped(text)}</code></pre>\n`,
  },
});

/** Return the blocks of a text; their `raw`s joined are the text again. */
export const lex = (text: string): Token[] => new PatientLexer({ ...marked.defaults }).lex(text);

/** Return blocks as HTML; what `sanitise` hasn't seen must not be shown. */
export const htmlOf = (tokens: Token[]): string => marked.parser(tokens);

/** Return the language that a fence names: `js {1,3}` and `js title=x` are js. */
export const languageOf = (named: string | undefined): string => /^[\w+#.-]+/.exec(named ?? "")?.[0].toLowerCase() ?? "";

export const isFence = (token: Token): token is Tokens.Code => token.type === "code" && token.codeBlockStyle !== "indented";

/** Whether a fence has not been closed yet. */
export function unclosed({ raw }: Tokens.Code): boolean {
  const lines = raw.trimEnd().split("\n");
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(lines[0] ?? "")?.[1] ?? "```";
  const last = lines.at(-1)?.trim() ?? "";
  return lines.length < 2 || !(last.length >= fence.length && last === fence.charAt(0).repeat(last.length));
}
