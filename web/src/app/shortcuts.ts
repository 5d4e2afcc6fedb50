/** Keys that run commands. */

import { BINDINGS, possible, type Command } from "./commands";
import { matches, onApple, typing, type Pressed } from "./keys";

export const apple = onApple(navigator.platform);

/** Return the command that `pressed` means, if there is one here and now. */
export function meant(pressed: Pressed, target: EventTarget | null): Command | undefined {
  const words = typing(target);
  return BINDINGS.find(
    ({ keys, command }) => (!words || command.whileTyping) && matches(keys, pressed, apple) && possible(command),
  )?.command;
}

/** Run what is pressed, unless something nearer has taken the key or lies over the page. */
export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const command = meant(event, event.target);
  if (!command) return;
  event.preventDefault();
  command.run();
}
