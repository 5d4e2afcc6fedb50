import { describe, expect, it } from "vitest";

import type { ModelCard } from "../api/types";
import { attached, freeName, messageBytes, MOST_BYTES, MOST_FILE_BYTES, MOST_PICTURE_BYTES, readFiles, shownAt, taken, unseen } from "./files";

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string, little: boolean, mark: boolean) => {
  const codes = [...(mark ? [0xfeff] : []), ...Array.from(text, (_, at) => text.charCodeAt(at))];
  return Uint8Array.from(codes.flatMap((code) => (little ? [code & 255, code >> 8] : [code >> 8, code & 255])));
};
const bytes = (...values: (string | number)[]) => Uint8Array.from(values.flatMap((value) => (typeof value === "number" ? [value] : Array.from(value, (c) => c.charCodeAt(0)))));
const why = (name: string, data: Uint8Array) => {
  const one = taken(name, data);
  return "refused" in one ? one.refused : "taken";
};

describe("a file that is text", () => {
  it("is taken whatever it is called", () => {
    expect(taken("notes", utf8("Grüße, 火 👋\n"))).toEqual({ file: { name: "notes", text: "Grüße, 火 👋\n" } });
    expect(taken("x.bin", utf8("\u001b[31mred\f"))).toMatchObject({ file: { name: "x.bin" } });
    expect(taken("BMW.txt", utf8("BM is how this text begins"))).toMatchObject({ file: { name: "BMW.txt" } });
  });

  it("loses its byte order mark", () => {
    expect(taken("a.txt", bytes(0xef, 0xbb, 0xbf, "hi"))).toEqual({ file: { name: "a.txt", text: "hi" } });
  });

  it.each([[true, true], [false, true], [true, false], [false, false]])("is read from UTF-16 (little %s, mark %s)", (little, mark) => {
    expect(taken("a.txt", utf16("plain words, 12", little, mark))).toEqual({ file: { name: "a.txt", text: "plain words, 12" } });
  });

  it("has a name of one line", () => {
    expect(taken("a\nb\u202egnp.txt", utf8("x"))).toMatchObject({ file: { name: "a b gnp.txt" } });
  });
});

describe("a picture", () => {
  it.each([
    ["photo.jpg", bytes(0xff, 0xd8, 0xff, 0xe0, 0, 16, "JFIF"), "image/jpeg"],
    ["photo.txt", bytes(0x89, "PNG\r\n", 0x1a, 10, 0, 0), "image/png"],
    ["photo", bytes("GIF89a", 1, 0), "image/gif"],
  ])("goes with a message as what it is: %s", (name, data, kind) => {
    const one = taken(name, data);
    const picture = "file" in one ? (one.file.picture ?? "") : "";
    expect(shownAt(picture)).toBe(`data:${kind};base64,${picture}`);
    expect(atob(picture)).toBe(String.fromCharCode(...data));
  });

  it("is seen only by a model that sees", () => {
    const files = [{ name: "a.txt", text: "a" }, { name: "a.png", text: "", picture: "iVBO" }];
    const blind = { sees: null } as ModelCard;
    expect([unseen(files, blind), unseen(files.slice(0, 1), blind), unseen(files, { sees: true } as ModelCard)]).toEqual([true, false, false]);
  });

  it("is refused where it is too large, alone or with others", () => {
    const png = (size: number) => taken("a.png", Uint8Array.from({ length: size }, (_, at) => [0x89, 0x50, 0x4e, 0x47][at] ?? 0));
    expect(png(MOST_PICTURE_BYTES + 1)).toEqual({ name: "a.png", refused: "large" });
    expect(attached([], [png(4_000_000), png(3_000_000)]).refused).toEqual([{ name: "a.png", why: "large" }]);
  });
});

describe("a file that isn't", () => {
  it.each([
    ["paper.pdf", bytes("%PDF-1.7\n", 0xe2, 0xe3, 0, 1), "pdf"],
    ["renamed.txt", bytes("%PDF-1.4\n1 0 obj\n"), "pdf"],
    ["photo.webp", bytes("RIFF", 1, 2, 3, 0, "WEBPVP8 "), "image"],
    ["photo.heic", bytes(0, 0, 0, 24, "ftypheic", 0), "image"],
    ["letter.docx", bytes("PK", 3, 4, 20, 0), "office"],
    ["letter.rtf", bytes("{\\rtf1 hello}"), "office"],
    ["all.zip", bytes("PK", 3, 4, 20, 0), "archive"],
    ["song.mp3", bytes("ID3", 4, 0, 0), "media"],
    ["film.mp4", bytes(0, 0, 0, 24, "ftypisom", 0), "media"],
    ["old.txt", bytes(0xb4, 0xf3, 0xbc, 0xd2, 0xba, 0xc3, " text\n"), "encoding"],
    ["tool", bytes(0x7f, "ELF", 2, 1, 1, 0, 0), "binary"],
    ["half.txt", Uint8Array.of(0xff, 0xfe, 0x3d, 0xd8), "encoding"],
    ["nothing.txt", new Uint8Array(), "empty"],
  ])("is refused, and why: %s", (name, data, reason) => {
    expect(why(name, data)).toBe(reason);
  });
});

describe("files together", () => {
  const file = (name: string, text: string) => ({ file: { name, text } });

  it("aren't added twice, and never hide one another", () => {
    const { files } = attached([{ name: "a.txt", text: "one" }], [file("a.txt", "one"), file("a.txt", "two"), file("a.txt", "three")]);
    expect(files.map(({ name }) => name)).toEqual(["a.txt", "a-2.txt", "a-3.txt"]);
    expect(freeName("Makefile", [{ name: "Makefile", text: "" }])).toBe("Makefile-2");
  });

  it("stay within what the server takes", () => {
    const half = "é".repeat(MOST_BYTES / 4 - 20);
    const { files, refused } = attached([], [file("a", half), file("b", half), file("c", "x".repeat(100))]);
    expect(files.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(refused).toEqual([{ name: "c", why: "large" }]);
    expect(messageBytes("", files)).toBeLessThanOrEqual(MOST_BYTES);
  });

  it("are read at once, each with its own answer", async () => {
    const read = await readFiles([new File(["text"], "a.txt"), new File([bytes(0, 1, 2)], "b"), new File([new Uint8Array(MOST_FILE_BYTES + 1).fill(97)], "c.txt")]);
    expect(read).toEqual([file("a.txt", "text"), { name: "b", refused: "binary" }, { name: "c.txt", refused: "large" }]);
  });
});
