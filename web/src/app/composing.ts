/** The composer's rules. Pure. */

import type { Message } from "../api/types";
import { running } from "../state/tree";

export type Pressed = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey" | "isComposing" | "keyCode">;

/** Whether a key sends. A word that an input method is still composing is never sent. */
export function sends(pressed: Pressed, { enterSends, touch }: { enterSends: boolean; touch: boolean }): boolean {
  // 229 is what Safari gives the Enter that ends a composition.
  if (pressed.key !== "Enter" || pressed.isComposing || pressed.keyCode === 229) return false;
  if (pressed.shiftKey || pressed.altKey) return false;
  return pressed.ctrlKey || pressed.metaKey || (enterSends && !touch);
}

/** Put words that could not be sent back before what was written since. */
export const rejoined = (sent: string, since: string): string => (since.trim() ? `${sent}\n\n${since}` : sent);

/** The replies that run or wait on a branch, the first to end first. */
export const runningOn = (branch: readonly Message[]): readonly Message[] => branch.filter(running);
