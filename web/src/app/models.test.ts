import { expect, test } from "vitest";
import { isRemovable } from "./models";

test("only what was fetched, and names, can be removed", () => {
  const references = ["pypi:a", "hf:a/b:Q4", "https://h/x.gguf", "alias:brief", "file:/x.gguf", "ollama:a:b", "remote:up/m"];
  expect(references.filter(isRemovable)).toEqual(["pypi:a", "hf:a/b:Q4", "https://h/x.gguf", "alias:brief"]);
});
