/** Which files can go with a message, and why others can't. A model is given their text, or shown them. Pure. */

import type { Attachment, ModelCard } from "../api/types";

/** The server's own bound for a message and its files together, in bytes of UTF-8. */
export const MOST_BYTES = 4_000_000;
/** No file beyond this can fit: UTF-16 takes at most two bytes for one of UTF-8. */
export const MOST_FILE_BYTES = 2 * MOST_BYTES;
/** What the server takes of one picture, and of all that go with a message, as base64. */
export const MOST_PICTURE_BYTES = 5_000_000;
const MOST_PICTURES_BYTES = 7_000_000;
export const LONG_PASTE = 6000;

export type Refusal = "pdf" | "image" | "office" | "archive" | "media" | "encoding" | "binary" | "empty" | "large" | "unreadable";
export type Taken = { readonly file: Attachment } | { readonly name: string; readonly refused: Refusal };

const MAGIC: readonly (readonly [string, Refusal])[] = [
  ["%PDF-", "pdf"],
  ["BM", "image"],
  ["II*\0", "image"],
  ["MM\0*", "image"],
  ["\xd0\xcf\x11\xe0", "office"],
  ["PK\x03\x04", "archive"],
  ["\x1f\x8b", "archive"],
  ["7z\xbc\xaf", "archive"],
  ["Rar!", "archive"],
  ["ID3", "media"],
  ["OggS", "media"],
  ["fLaC", "media"],
];
const OFFICE = /\.(docx?|xlsx?|pptx?|odt|ods|odp|pages|numbers|key|epub|rtf)$/i;

/** How pictures begin that a model can be shown. */
const PICTURES = ["\x89PNG", "\xff\xd8\xff", "GIF8"];

/** Return the address of a picture that an `img` shows; the page asks nobody for it. */
export function shownAt(picture: string): string {
  const kind = picture.startsWith("/9j/") ? "image/jpeg" : picture.startsWith("R0lG") ? "image/gif" : "image/png";
  return `data:${kind};base64,${picture}`;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** Take a file's bytes as a picture or as text, by what is in them and not by what it is called. */
export function taken(name: string, bytes: Uint8Array): Taken {
  const label = labelled(name);
  if (!bytes.length) return { name: label, refused: "empty" };
  const head = String.fromCharCode(...bytes.subarray(0, 4));
  if (PICTURES.some((magic) => head.startsWith(magic))) {
    if (bytes.length > MOST_PICTURE_BYTES) return { name: label, refused: "large" };
    return { file: { name: label, text: "", picture: base64(bytes) } };
  }
  const text = decoded(bytes);
  if (text === null || /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return { name: label, refused: whyNot(name, bytes, text === null) };
  if (/\.rtf$/i.test(name)) return { name: label, refused: "office" };
  return text.startsWith("%PDF-") ? { name: label, refused: "pdf" } : { file: { name: label, text } };
}

function whyNot(name: string, bytes: Uint8Array, undecoded: boolean): Refusal {
  if (OFFICE.test(name)) return "office";
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  if (/^RIFF.{4}WEBP/s.test(head) || /^.{4}ftyp(avif|hei[cfx]|mif1)/s.test(head)) return "image";
  if (/^RIFF/.test(head) || /^.{4}ftyp/s.test(head)) return "media";
  const known = MAGIC.find(([magic]) => head.startsWith(magic));
  // "BM" begins words as well as bitmaps: only where nothing else could be read.
  if (known) return known[1];
  // Text of an older encoding has letters beyond ASCII, but no control characters.
  return undecoded && !bytes.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x1b)) ? "encoding" : "binary";
}

/** Return the text of UTF-8 or UTF-16 bytes, else null. Without a mark, UTF-16 is known by its zeros. */
function decoded(bytes: Uint8Array): string | null {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return strictly("utf-16le", bytes);
  if (first === 0xfe && second === 0xff) return strictly("utf-16be", bytes);
  const text = strictly("utf-8", bytes);
  if (text !== null && !text.includes("\0")) return text;
  const zeros = [0, 0];
  bytes.subarray(0, 4096).forEach((byte, at) => byte === 0 && (zeros[at % 2] = (zeros[at % 2] ?? 0) + 1));
  const [even = 0, odd = 0] = zeros;
  const some = Math.min(bytes.length, 4096) / 8;
  if (odd > some && even === 0) return strictly("utf-16le", bytes);
  return even > some && odd === 0 ? strictly("utf-16be", bytes) : null;
}

function strictly(encoding: string, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** A file's name is data, and is given to the model in a line of its own. */
const labelled = (name: string): string => name.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim().slice(0, 200) || "file.txt";

const encoder = new TextEncoder();

export const bytesOf = (file: Attachment): number =>
  file.picture ? Math.floor((file.picture.length * 3) / 4) : encoder.encode(file.text).length;

/** What a message takes of the server's bound: names, two line ends around each text, and the words. */
export const messageBytes = (text: string, files: readonly Attachment[]): number =>
  encoder.encode(text).length +
  files.reduce((sum, file) => sum + encoder.encode(file.name).length + (file.picture ? 0 : bytesOf(file)) + 5, 0);

const picturesBytes = (files: readonly Attachment[]): number => files.reduce((sum, { picture = "" }) => sum + picture.length, 0);

const tooMuch = (files: readonly Attachment[]): boolean =>
  messageBytes("", files) > MOST_BYTES || picturesBytes(files) > MOST_PICTURES_BYTES;

/** Return a name like `name` that no other file has. */
export function freeName(name: string, files: readonly Attachment[]): string {
  const names = new Set(files.map((file) => file.name));
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : `${stem}-${n}${ending}`;
    if (!names.has(free)) return free;
  }
}

/** Whether there are pictures which the model can't be shown: the server would refuse the message. */
export const unseen = (files: readonly Attachment[], card: ModelCard): boolean =>
  !card.sees && files.some(({ picture }) => picture !== undefined);

export type Refused = readonly { readonly name: string; readonly why: Refusal }[];

/** Add `added` to `files`: one that is there already isn't added again, and what goes beyond the bound is refused. */
export function attached(files: readonly Attachment[], added: readonly Taken[]): { files: readonly Attachment[]; refused: Refused } {
  const kept = [...files];
  const refused: { name: string; why: Refusal }[] = [];
  for (const one of added) {
    if ("refused" in one) refused.push({ name: one.name, why: one.refused });
    else if (kept.some(({ name, text, picture }) => name === one.file.name && text === one.file.text && picture === one.file.picture)) continue;
    else if (tooMuch([...kept, one.file])) refused.push({ name: one.file.name, why: "large" });
    else kept.push({ ...one.file, name: freeName(one.file.name, kept) });
  }
  return { files: kept, refused };
}

/** Read what was dropped, pasted or chosen. A folder can't be read, and says so. */
export async function readFiles(files: readonly File[]): Promise<readonly Taken[]> {
  return Promise.all(
    files.map(async (file): Promise<Taken> => {
      const name = labelled(file.name);
      if (file.size > MOST_FILE_BYTES) {
        const head = new Uint8Array(await file.slice(0, 4096).arrayBuffer().catch(() => new ArrayBuffer(0)));
        const known = head.length ? taken(file.name, head) : null;
        return { name, refused: known && "refused" in known && known.refused !== "encoding" ? known.refused : "large" };
      }
      try {
        return taken(file.name, new Uint8Array(await file.arrayBuffer()));
      } catch {
        return { name, refused: "unreadable" };
      }
    }),
  );
}
