import { describe, expect, it } from "vitest";

import { pieces } from "./marks";

const marked = (snippet: string) => pieces(snippet).map((piece) => (piece.marked ? `[${piece.text}]` : piece.text));

describe("what a search found", () => {
  it("is marked where it stands, as often as it does", () => {
    expect(marked("the \u0002fire\u0003 by the \u0002fireside\u0003")).toEqual(["the ", "[fire]", " by the ", "[fireside]"]);
  });

  it("may begin and end with a match", () => {
    expect(marked("\u0002one\u0003")).toEqual(["[one]"]);
  });

  it("is text and nothing else, whatever it says", () => {
    expect(marked("<b>\u0002<img onerror=x>\u0003")).toEqual(["<b>", "[<img onerror=x>]"]);
  });

  it("survives a match that was cut", () => {
    expect(marked("… ire\u0003 and \u0002fi")).toEqual(["… ire", " and ", "[fi]"]);
  });

  it("is nothing when there is nothing", () => {
    expect(marked("")).toEqual([]);
  });
});
