import { describe, expect, it } from "vitest";

import { Blocks, type Block } from "./blocks";
import { escaped } from "./escape";
import { lex } from "./syntax";

const whole = (text: string) => new Blocks().of(text, false);
const html = (text: string) => whole(text).map((block) => (block.kind === "html" ? block.html : `[${block.language}|${block.text}]`)).join("");

const PIECES = [
  "A paragraph\nof two lines", "para\n# heading", "para\n#hashtag", "para\n***", "para\n***bold*** it", "para\n- item", "para\n1. one", "para\n1.5 of it",
  "- a\n- b\n\n- c", "- a\n\n  inside\n\n- b", "1. one\n   ```py\n   print(1)\n   ```\n2. two", "> quote\nlazy\n> more", "> a\n\n> b", "```js\nlet a = 1;\n\n# no heading\n```",
  "~~~\ntildes\n```\n~~~", "````md\n```js\n```\n````", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", "Title\n=====", "Title\n---", "---", "    indented\n    code", "<div>\nhtml\n</div>", "$$\nx^2 + y^2\n$$",
  "\\[ a = b \\]", "text $x$ and \\(y\\)", "- [ ] todo\n- [x] done", "[a link][1]", "* a\n* b\n  * c\n    * d", "para with `code` and **bold", "Line  \nbreak", "***", "#", "|", "`", "1.", "-",
];

function* documents(): Generator<string> {
  for (const a of PIECES) for (const b of PIECES) yield `${a}\n\n${b}\nend`;
  for (const a of PIECES) for (const b of PIECES) yield `${a}\n${b}\n\nend`;
}

describe("blocks", () => {
  it("together are the text again, whatever it is", () => {
    for (const text of documents()) expect(lex(text).map(({ raw }) => raw).join("")).toBe(text);
  });

  it("are the same streamed as whole, whatever the steps", () => {
    for (const text of documents()) {
      const growing = new Blocks();
      for (let end = 1; end < text.length; end += 3) growing.of(text.slice(0, end), true);
      expect(growing.of(text, true), JSON.stringify(text)).toEqual(whole(text));
    }
  }, 60_000);

  it("are not made again once they are finished", () => {
    const growing = new Blocks();
    const first = growing.of("# One\n\nTwo\n\nThr\nee", true);
    const later = growing.of("# One\n\nTwo\n\nThr\nee and more", true);
    expect(later[0]).toBe(first[0]);
    expect(later[1]).toBe(first[1]);
    expect(later[2]).not.toEqual(first[2]);
  });

  it("begin anew when the text does", () => {
    const growing = new Blocks();
    growing.of("# One\n\nTwo\n\n", true);
    expect(growing.of("Other\n\nwords", true)).toEqual(whole("Other\n\nwords"));
  });

  it("show a fence that is still open as code", () => {
    const growing = new Blocks();
    expect(growing.of("Look:\n\n```py\nprint(1)\n\nx", true)[1]).toEqual({ kind: "code", language: "py", text: "print(1)\n\nx", open: true } satisfies Block);
    expect(growing.of("Look:\n\n```py\nprint(1)\n\nx\n```", true)[1]).toMatchObject({ open: false });
  });

  it("keep the indentation of code without a fence", () => {
    expect(html("def twice(x):\n    return 2 * x\n\tx")).toBe(`<p>def twice(x):<br>${"\u00a0".repeat(4)}return 2 * x<br>${"\u00a0".repeat(4)}x</p>\n`);
  });

  it("know a link whose address comes last", () => {
    expect(html("See [it][1].\n\n[1]: https://example.org")).toContain('href="https://example.org"');
  });

  it.each(["[", "<", "a@", "\\(", "**a", "_a_", "~~a ", "<a ", "a  \n", "http://a.a "])("show a paragraph without end as it is: %j", (unit) => {
    const text = unit.repeat(200_000 / unit.length);
    expect(html(text).replace(/\s*<\/p>\n$/, "") === `<p>${escaped(text.trimEnd())}`).toBe(true);
    expect(html(`${text.slice(0, 4000).trimEnd()}\n\n**after** it`)).toContain("<strong>after</strong>");
  });

  it("show what is nested without end as it is", () => {
    expect(html(">".repeat(50_000)).length).toBeGreaterThan(0);
  });
});

describe("maths", () => {
  const formulas = (text: string) => [...html(text).matchAll(/<code class="maths( display)?">(.*?)<\/code>/g)].map((match) => (match[1] ? `[${match[2]}]` : match[2]));

  it.each([
    ["so $x^2$ it is", ["x^2"]],
    ["\\(a_1\\) and \\[b\\]", ["a_1", "[b]"]],
    ["$$\nE = mc^2\n$$", ["[E = mc^2]"]],
    ["inline $$a$$ here", ["[a]"]],
    ["text\n$$ a $$\nmore", ["[a]"]],
    ["$a$, $b$ and $2x$", ["a", "b", "2x"]],
    ["$5 + x$", ["5 + x"]],
    ["$\\$5$", ["\\$5"]],
    ["a list\n\n- $x_i$\n- b", ["x_i"]],
    ["$a * b$ and $c * d$", ["a * b", "c * d"]],
  ])("is found in %j", (text, found) => {
    expect(formulas(text)).toEqual(found);
  });

  it.each(["It costs $5 and $10.", "$5-$10", "US$5 or A$7", "between $1,000 and $2,000 a year", "from $10k in cash to the $ sign", "\\$x\\$", "a $ b $ c", "`$x$`", "```\n$x$\n```", "$20 bill and 30$ more"])(
    "is not seen in %j",
    (text) => {
      expect(formulas(text)).toEqual([]);
    },
  );
});

describe("what a model says", () => {
  it("keeps its headings below the page's", () => {
    expect(html("# A\n\n## B\n\n###### C")).toMatch(/<h3>A.*<h4>B.*<h6>C/s);
  });

  it("is shown where it isn't Markdown", () => {
    expect(html("a <b>bold</b> <blink>word</blink><br>x<sub>2</sub>")).toBe("<p>a <b>bold</b> &lt;blink&gt;word&lt;/blink&gt;<br>x<sub>2</sub></p>\n");
  });

  it("has lists with boxes that are ticked and none that can be", () => {
    const list = html("- [ ] todo\n- [x] done");
    expect(list).toMatch(/☐ todo.*☑ done/s);
    expect(list).not.toContain("<input");
  });
});
