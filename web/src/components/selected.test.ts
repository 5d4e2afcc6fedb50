import { afterEach, expect, it } from "vitest";

import { selected } from "./selected";

afterEach(() => {
  getSelection()?.removeAllRanges();
  document.body.innerHTML = "";
});

function press(selecting: string): string {
  document.body.innerHTML = "<article><p id='mine'>I live in Lyon.</p><button></button></article><p id='other'>Elsewhere</p>";
  const words = document.querySelector(selecting)?.firstChild as Text;
  getSelection()?.setBaseAndExtent(words, 2, words, 6);
  let found = "";
  const button = document.querySelector("button") as HTMLButtonElement;
  button.addEventListener("click", (event) => (found = selected(event)));
  button.click();
  return found;
}

it("is what is marked of a button's own message", () => {
  expect(press("#mine")).toBe("live");
});

it("is nothing where another text is marked", () => {
  expect(press("#other")).toBe("");
});
