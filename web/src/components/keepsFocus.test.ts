import { afterEach, describe, expect, it } from "vitest";

import { keepsFocus } from "./keepsFocus";

const seen = () => new Promise((resolve) => setTimeout(resolve));
const list = () => document.querySelector("ul")!;
const focused = () => document.activeElement?.textContent;
let leave = () => {};

function shown(...names: string[]) {
  document.body.innerHTML = `<main id="main" tabindex="-1">main<ul>${names.map((name) => `<li><button>${name}</button></li>`).join("")}</ul></main><button id="away">away</button>`;
  leave = keepsFocus(list());
}
afterEach(() => leave());

describe("the keyboard in a list", () => {
  it("goes on to what takes the place of an item that goes", async () => {
    shown("a", "b", "c");
    list().querySelectorAll("button")[1]!.focus();
    list().children[1]!.remove();
    await seen();
    expect(focused()).toBe("c");
  });

  it("goes back to the one before when the last goes, and to the page when none is left", async () => {
    shown("a", "b");
    list().querySelectorAll("button")[1]!.focus();
    list().children[1]!.remove();
    await seen();
    expect(focused()).toBe("a");
    list().children[0]!.remove();
    await seen();
    expect(document.activeElement?.id).toBe("main");
  });

  it("stays elsewhere when it is there", async () => {
    shown("a", "b");
    list().querySelectorAll("button")[0]!.focus();
    document.getElementById("away")!.focus();
    list().children[0]!.remove();
    await seen();
    expect(focused()).toBe("away");
  });
});
