/** What a model says is data. Whatever is shown of it passes here last, and comes out as nodes: never as text to be parsed again. */

import createPurifier, { type Config, type DOMPurify, type WindowLike } from "dompurify";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "del", "details", "em", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "mark",
  "ol", "p", "pre", "s", "small", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
];
const WORDS: Config = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["align", "class", "href", "start"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
};
const FORMULAS: Config = {
  ALLOWED_TAGS: [
    "math", "semantics", "annotation", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
  ],
  ALLOWED_ATTR: [
    "accent", "accentunder", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle", "encoding", "fence",
    "height", "largeop", "linethickness", "lspace", "mathbackground", "mathcolor", "mathsize", "mathvariant", "maxsize", "minsize",
    "movablelimits", "notation", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width",
  ],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const COLOURS: Config = {
  ALLOWED_TAGS: ["span"],
  ALLOWED_ATTR: ["class"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const ATTRIBUTES: Readonly<Record<string, RegExp>> = {
  align: /^(?:left|center|right)$/,
  class: /^(?:language-[\w+#.-]*|maths(?: display)?|task|hljs-[\w-]+(?: [\w-]+_*)*)$/,
  start: /^\d{1,9}$/,
};

/** Hooks and settings belong to a purifier, so each kind of text has its own: settings are read once and not for each text. */
function purifier(config: Config): { readonly addHook: DOMPurify["addHook"]; readonly sanitize: (html: string) => DocumentFragment } {
  const made = createPurifier(window as unknown as WindowLike);
  made.setConfig(config);
  return { addHook: made.addHook, sanitize: (html) => made.sanitize(html) as unknown as DocumentFragment };
}

const words = purifier(WORDS);
const formulas = purifier(FORMULAS);
const colours = purifier(COLOURS);

for (const each of [words, colours]) {
  each.addHook("uponSanitizeAttribute", (_node, attribute) => {
    const allowed = ATTRIBUTES[attribute.attrName];
    if (allowed && !allowed.test(attribute.attrValue)) attribute.keepAttr = false;
  });
}
words.addHook("afterSanitizeAttributes", (node) => {
  if (node.localName !== "a") return;
  if (!safe(node.getAttribute("href"))) return node.removeAttribute("href");
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

/** A link names its own scheme and host: one relative to the page would be a command to the server. */
function safe(address: string | null): boolean {
  if (address === null || !URL.canParse(address)) return false;
  return ["http:", "https:", "mailto:"].includes(new URL(address).protocol);
}

export const sanitise = (html: string): DocumentFragment => words.sanitize(html);

/** Coloured code: nothing but spans with highlight.js's own classes. */
export const sanitiseCode = (html: string): DocumentFragment => colours.sanitize(html);

/** Formulas as KaTeX makes them, without styles and links. */
export const sanitiseMaths = (html: string): DocumentFragment => formulas.sanitize(html);
