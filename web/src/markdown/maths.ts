/** Formulas as MathML, which the browser sets itself. KaTeX comes with the first one. */

import { sanitiseMaths } from "./sanitise";

const KEPT = 500;
const MAX_EXPAND = 1000;
const MAX_SIZE_EM = 20;
const MAX_CHARACTERS = 10_000;

type Katex = (typeof import("katex"))["default"];

let katex: Katex | null = null;
let coming: Promise<void> | null = null;
/** What was set once; a formula in a growing paragraph is asked for again and again. */
const kept = new Map<string, DocumentFragment | null>();

function load(): Promise<void> {
  coming ??= import("katex").then(
    (module) => void (katex = module.default),
    // The formula stays as it was written; the next one asks again.
    () => void (coming = null),
  );
  return coming;
}

/** Return `tex` as MathML, or null where it isn't TeX. */
function set(katex: Katex, tex: string, display: boolean): DocumentFragment | null {
  const key = `${display ? "d" : "i"}${tex}`;
  let formula = kept.get(key);
  if (formula === undefined) {
    formula = make(katex, tex, display);
    if (kept.size >= KEPT) kept.clear();
    kept.set(key, formula);
  }
  return formula && (formula.cloneNode(true) as DocumentFragment);
}

function make(katex: Katex, tex: string, display: boolean): DocumentFragment | null {
  if (tex.length > MAX_CHARACTERS) return null;
  try {
    const options = { displayMode: display, output: "mathml", trust: false, strict: "ignore", throwOnError: true, maxExpand: MAX_EXPAND, maxSize: MAX_SIZE_EM } as const;
    return sanitiseMaths(katex.renderToString(tex, options));
  } catch (error) {
    // ParseError is KaTeX's own; RangeError is a formula that is nested too deep.
    if (error instanceof katex.ParseError || error instanceof RangeError) return null;
    throw error;
  }
}

/** Put formulas in the place of the code that holds their TeX, now or when KaTeX has come; `boxed` is told those that are lines of their own. */
export function setMaths(inside: ParentNode, boxed: (formula: Element) => void): void {
  const waiting = [...inside.querySelectorAll("code.maths")];
  if (!waiting.length) return;
  const go = (katex: Katex) => {
    for (const code of waiting) {
      const display = code.classList.contains("display");
      const formula = set(katex, code.textContent ?? "", display);
      if (!formula) continue;
      const made = formula.firstElementChild;
      code.replaceWith(formula);
      if (display && made) boxed(made);
    }
  };
  if (katex) go(katex);
  else void load().then(() => katex && go(katex));
}
