/** Where the keyboard goes. */

import { tick } from "svelte";

import { layout } from "./layout.svelte";

const COMPOSER = "#composer textarea, main textarea";

export function focusComposer(): void {
  document.querySelector<HTMLElement>(COMPOSER)?.focus();
}

/**
 * After a change of view: into its first field, or else to its beginning, so that a screen reader
 * reads on from there. On a phone no field is entered, for its keyboard would hide what came.
 */
export async function focusView(): Promise<void> {
  await tick();
  const main = document.getElementById("main");
  if (!main || document.querySelector("dialog[open]")) return;
  const field = layout.touched ? null : main.querySelector<HTMLElement>(`input[type="search"], #key, ${COMPOSER}`);
  (field ?? main.querySelector<HTMLElement>("h1[tabindex]") ?? main).focus({ preventScroll: true });
}
