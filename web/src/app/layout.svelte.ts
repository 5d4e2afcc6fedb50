/** How much room there is: on a phone the chats are a drawer over the page, elsewhere they stand beside it. */

import { MediaQuery } from "svelte/reactivity";

import { overlays } from "./overlays.svelte";
import { prefer, preferences } from "./preferences.svelte";

const narrow = new MediaQuery("(max-width: 799px)");
const touched = new MediaQuery("(pointer: coarse)");

export const layout = {
  get narrow(): boolean {
    return narrow.current;
  },
  /** Where a field that gets the focus brings up a keyboard over half of the page. */
  get touched(): boolean {
    return touched.current;
  },
  /** whether the chats are in sight */
  get sidebar(): boolean {
    return narrow.current ? overlays.drawer : preferences.sidebar;
  },
};

export function toggleSidebar(): void {
  if (narrow.current) overlays.drawer = !overlays.drawer;
  else prefer({ sidebar: !preferences.sidebar });
}

export function closeDrawer(): void {
  overlays.drawer = false;
}
