import { describe, expect, it } from "vitest";

import { caps, matches, onApple, typing, type Chord, type Pressed } from "./keys";

const pressed = (key: string, over: Partial<Pressed> = {}): Pressed => ({
  key, code: "", ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, isComposing: false, ...over,
});
const PALETTE: Chord = { key: "k", mod: true };
const NEW: Chord = { key: "o", mod: true, shift: true };

describe("a shortcut", () => {
  it("is Control with the key, or Command on Apple's machines", () => {
    expect(matches(PALETTE, pressed("k", { ctrlKey: true }), false)).toBe(true);
    expect(matches(PALETTE, pressed("k", { metaKey: true }), true)).toBe(true);
    expect(matches(PALETTE, pressed("k", { ctrlKey: true }), true)).toBe(false);
    expect(matches(PALETTE, pressed("k", { metaKey: true }), false)).toBe(false);
  });

  it("needs just its own keys, none less and none more", () => {
    expect(matches(PALETTE, pressed("k"), false)).toBe(false);
    expect(matches(PALETTE, pressed("K", { ctrlKey: true, shiftKey: true }), false)).toBe(false);
    expect(matches(PALETTE, pressed("k", { ctrlKey: true, altKey: true }), false)).toBe(false);
    expect(matches(NEW, pressed("O", { ctrlKey: true, shiftKey: true }), false)).toBe(true);
    expect(matches(NEW, pressed("o", { ctrlKey: true }), false)).toBe(false);
  });

  it("is found on keyboards of other scripts", () => {
    expect(matches(PALETTE, pressed("л", { ctrlKey: true, code: "KeyK" }), false)).toBe(true);
  });

  it("follows the letters of a keyboard that has them elsewhere", () => {
    expect(matches(PALETTE, pressed("t", { ctrlKey: true, code: "KeyK" }), false)).toBe(false);
  });

  it("is a sign however the keyboard makes it", () => {
    expect(matches({ key: "?" }, pressed("?", { shiftKey: true }), false)).toBe(true);
    expect(matches({ key: "/" }, pressed("/", { shiftKey: true, code: "Digit7" }), false)).toBe(true);
  });

  it("is never taken from an input method", () => {
    expect(matches(PALETTE, pressed("k", { ctrlKey: true, isComposing: true }), false)).toBe(false);
  });
});

describe("the names of keys", () => {
  it("are those of the keyboard", () => {
    expect(caps(NEW, false)).toEqual(["Ctrl", "Shift", "O"]);
    expect(caps(NEW, true)).toEqual(["⇧", "⌘", "O"]);
    expect(caps({ key: "ArrowUp", alt: true }, false)).toEqual(["Alt", "↑"]);
    expect(caps({ key: "Escape" }, true)).toEqual(["esc"]);
  });

  it("follow the machine", () => {
    expect(["MacIntel", "iPhone", "Linux x86_64", "Win32"].map(onApple)).toEqual([true, true, false, false]);
  });
});

describe("keys that are words", () => {
  const made = (html: string) => {
    document.body.innerHTML = html;
    return document.body.firstElementChild;
  };

  it("are those in fields", () => {
    expect(typing(made("<textarea></textarea>"))).toBe(true);
    expect(typing(made('<input type="search">'))).toBe(true);
  });

  it("are not those on buttons and boxes", () => {
    expect(typing(made("<button>x</button>"))).toBe(false);
    expect(typing(made('<input type="checkbox">'))).toBe(false);
  });
});
