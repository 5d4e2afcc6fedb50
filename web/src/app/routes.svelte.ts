/** Where one is, in the address's fragment: it works offline, and no server log has it. */

export const SECTIONS = ["general", "models", "personas", "answers", "memories", "devices", "about"] as const;
export type Section = (typeof SECTIONS)[number];

export type Route =
  | { readonly view: "chat"; readonly id: string | null; readonly message: string | null; readonly temporary: boolean }
  | { readonly view: "search" }
  | { readonly view: "trash" }
  | { readonly view: "settings"; readonly section: Section };

/** Return the route that a fragment names; anything unknown is a new chat. */
export function parse(fragment: string): Route {
  const [view = "", first = "", second = ""] = fragment.replace(/^#\/?/, "").split("/").map(decoded);
  if (view === "c" && first) return { view: "chat", id: first, message: second || null, temporary: false };
  if (view === "search") return { view: "search" };
  if (view === "trash") return { view: "trash" };
  if (view === "settings") {
    const section = SECTIONS.find((known) => known === first) ?? "general";
    return { view: "settings", section };
  }
  return { view: "chat", id: null, message: null, temporary: view === "temporary" };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export const to = {
  new: "#/",
  temporary: "#/temporary",
  chat: (id: string, message?: string) => `#/c/${id}${message ? `/${message}` : ""}`,
  search: "#/search",
  trash: "#/trash",
  settings: (section: Section = "general") => `#/settings/${section}`,
};

let current = $state.raw<Route>(parse(location.hash));
const arrive = () => {
  current = parse(location.hash);
};
addEventListener("hashchange", arrive);
// A link to where one is already changes no address, but whoever follows it wants to be taken there again.
addEventListener("click", ({ target }) => {
  const link = target instanceof Element ? target.closest("a") : null;
  if (link?.hash && link.hash === location.hash && link.origin === location.origin) arrive();
});

export const route = {
  get current(): Route {
    return current;
  },
};

const CODE = /^#pair=([\w-]+)$/;

/** Return the code with which another device was shown the way here, and forget it: it is good only once. */
export function takeCode(): string | null {
  const code = CODE.exec(location.hash)?.[1] ?? null;
  if (code !== null) go(to.new, { replace: true });
  return code;
}

/** Go somewhere. With `replace` the way back leads past where one is now. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", address);
    current = parse(address);
  } else if (location.hash === address) arrive();
  else location.hash = address;
}
