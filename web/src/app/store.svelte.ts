/** The state that components show, and how it changes. */

import { initial, type Notice, type State } from "../state/model";
import { reduce, type Change } from "../state/reducer";
import { ApiError } from "../api/errors";
import { t } from "../i18n/index.svelte";

const NOTICE_MS = 8000;

let current = $state.raw<State>(initial);
let notices = 0;

export const store = {
  get state(): State {
    return current;
  },
  change(change: Change): void {
    current = reduce(current, change);
  },
};

/** Say something for a while; what can be undone stays as long. */
export function tell(notice: Omit<Notice, "id">): void {
  const id = ++notices;
  store.change({ type: "notice", notice: { ...notice, id } });
  setTimeout(() => store.change({ type: "notice gone", id }), NOTICE_MS);
}

/** Do something that may be refused: what the server says then is shown, and undefined returned. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    report(error);
    return undefined;
  }
}

export function report(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof ApiError)) throw error;
  if (error.signedOut) store.change({ type: "link", link: "signed-out" });
  else if (error.unreachable) {
    store.change({ type: "link", link: "offline" });
    tell({ kind: "error", text: t("link.unreachable"), hint: t("link.unreachableHint") });
  } else tell({ kind: "error", text: error.message, hint: error.hint });
}
