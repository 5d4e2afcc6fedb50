/** Light, dark, or as the system has it. */

import { preferences } from "./preferences.svelte";

const dark = matchMedia("(prefers-color-scheme: dark)");
let systemDark = $state(dark.matches);
dark.addEventListener("change", () => (systemDark = dark.matches));

/** Keep the page's theme in step; call it while a component is made. */
export function useTheme(): void {
  $effect(() => {
    const shown = preferences.theme === "system" ? (systemDark ? "dark" : "light") : preferences.theme;
    document.documentElement.dataset.theme = shown;
    // What surrounds the page, on a phone or as an app, has its colour.
    const paper = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
    for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.setAttribute("content", paper);
  });
}
