/** Keys that are pressed together: which they are, whether an event is one of them, and what they are called. Pure. */

/** `mod` is Command on Apple's machines and Control elsewhere. */
export interface Chord {
  /** as `KeyboardEvent.key` has it; letters in lower case */
  readonly key: string;
  readonly mod?: boolean;
  readonly shift?: boolean;
  readonly alt?: boolean;
}

export interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
}

export const onApple = (platform: string): boolean => /mac|iphone|ipad|ipod/i.test(platform);

/** Whether `pressed` is `chord`. What an input method is composing belongs to it alone. */
export function matches(chord: Chord, pressed: Pressed, apple: boolean): boolean {
  if (pressed.isComposing || pressed.altKey !== (chord.alt ?? false)) return false;
  const [mod, other] = apple ? [pressed.metaKey, pressed.ctrlKey] : [pressed.ctrlKey, pressed.metaKey];
  if (other || mod !== (chord.mod ?? false)) return false;
  // "?" and "/" lie elsewhere on every keyboard: whether Shift is needed is the keyboard's affair.
  if (/^[a-z]$|^.{2,}$/.test(chord.key) && pressed.shiftKey !== (chord.shift ?? false)) return false;
  return sameKey(chord.key, pressed);
}

function sameKey(key: string, { key: typed, code }: Pressed): boolean {
  if (typed.toLowerCase() === key.toLowerCase()) return true;
  // A keyboard of another script types other letters with the same keys.
  return /^[a-z]$/.test(key) && !/^[a-z]$/i.test(typed) && code === `Key${key.toUpperCase()}`;
}

const ON_APPLE: Readonly<Record<string, string>> = { Escape: "esc", Enter: "↩", mod: "⌘", shift: "⇧", alt: "⌥" };
const ELSEWHERE: Readonly<Record<string, string>> = { Escape: "Esc", mod: "Ctrl", shift: "Shift", alt: "Alt" };
const ARROWS: Readonly<Record<string, string>> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };

/** Return what is printed on each key of `chord`, in the order in which they are pressed. */
export function caps(chord: Chord, apple: boolean): readonly string[] {
  const names = apple ? ON_APPLE : ELSEWHERE;
  const held = (["alt", "shift", "mod"] as const).filter((key) => chord[key]).map((key) => names[key] ?? key);
  const key = ARROWS[chord.key] ?? names[chord.key] ?? chord.key.toUpperCase();
  return [...(apple ? held : held.reverse()), key];
}

/** Whether keys are words where the event began: a field, or anything that is edited. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !/^(?:button|checkbox|color|file|radio|range|reset|submit)$/.test(target.type);
}
