import { describe, expect, it } from "vitest";

import { coloured } from "./languages";

const CHARACTERS = 20_000;
const PATIENCE_MS = 20_000;
const HOSTILE = ["[a](", "\\a{", "- ", "<?=", "'a", "[", 'r#"', "a.", "<a ", "/*", "f'{", "$((", "a::b<", '"\\('];
const LANGUAGES = ["bash", "c", "cpp", "css", "html", "java", "js", "json", "latex", "markdown", "md", "php", "python", "r", "rust", "sql", "swift", "ts", "yaml"];

describe("colours", () => {
  it.each(LANGUAGES)(
    "of %s are there soon, whatever stands in one long line",
    (language) => {
      for (const unit of HOSTILE) {
        const begun = performance.now();
        coloured(unit.repeat(CHARACTERS / unit.length), language);
        expect(performance.now() - begun, unit).toBeLessThan(PATIENCE_MS);
      }
    },
    120_000,
  );

  it("are none in a language that nobody knows", () => {
    expect(coloured("x", "constructor")).toBeNull();
    expect(coloured("x", "__proto__")).toBeNull();
  });
});
