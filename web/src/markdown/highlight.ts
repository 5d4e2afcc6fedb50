/** Colours for code, made when there is time for it. */

import { sanitiseCode } from "./sanitise";

/** More than this is left as it is: nobody reads it for its colours, and it would take a while. */
const MAX_CHARACTERS = 20_000;

type Coloured = (code: string, language: string) => string | null;

let coloured: Coloured | null = null;
let coming: Promise<void> | null = null;

function load(): Promise<void> {
  coming ??= import("./languages").then(
    (module) => void (coloured = module.coloured),
    () => void (coming = null),
  );
  return coming;
}

/** Return `code` with colours, or null where it has none. */
export async function highlight(code: string, language: string): Promise<DocumentFragment | null> {
  if (!language || code.length > MAX_CHARACTERS) return null;
  if (!coloured) await load();
  const html = coloured?.(code, language) ?? null;
  return html === null ? null : sanitiseCode(html);
}
