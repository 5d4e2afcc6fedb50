/** Return what is selected of the message whose button was pressed. */
export function selected({ currentTarget }: { currentTarget: EventTarget | null }): string {
  const selection = getSelection();
  const message = currentTarget instanceof Element ? currentTarget.closest("article") : null;
  const inside = message !== null && selection?.rangeCount && message.contains(selection.getRangeAt(0).commonAncestorContainer);
  return inside ? selection.toString().trim() : "";
}
