/** What lies over the page, at most one at a time, and whether the chats are drawn over it on a phone. */

export type Overlay = "palette" | "shortcuts" | "import";

export const overlays = $state<{ shown: Overlay | null; drawer: boolean }>({ shown: null, drawer: false });

export function show(overlay: Overlay): void {
  overlays.shown = overlay;
}

export function hide(): void {
  overlays.shown = null;
}
