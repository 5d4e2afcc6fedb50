/** For a list whose items go: the keyboard goes on to the item that comes to stand in the same place. */

export function keepsFocus(list: HTMLElement): () => void {
  const items = () => [...list.querySelectorAll("li")];
  let last: { readonly item: Element; readonly at: number } | null = null;

  const entered = ({ target }: FocusEvent) => {
    const item = target instanceof Element ? target.closest("li") : null;
    last = item && { item, at: items().indexOf(item) };
  };
  const left = ({ relatedTarget }: FocusEvent) => {
    if (relatedTarget) last = null;
  };
  const observer = new MutationObserver(() => {
    if (!last || last.item.isConnected || document.activeElement !== document.body) return;
    const rest = items();
    const next = rest[Math.min(last.at, rest.length - 1)]?.querySelector<HTMLElement>("a, button");
    (next ?? document.getElementById("main"))?.focus();
  });

  list.addEventListener("focusin", entered);
  list.addEventListener("focusout", left);
  observer.observe(list, { childList: true, subtree: true });
  return () => {
    list.removeEventListener("focusin", entered);
    list.removeEventListener("focusout", left);
    observer.disconnect();
  };
}
