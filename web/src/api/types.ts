/** The server's shapes by the names that the page uses. `schema.d.ts` is made from openapi.json by `npm run types`. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Message = Schemas["StoredMessage"];
export type Part = Message["parts"][number];
export type Conversation = Schemas["Conversation"];
export type ConversationPage = Schemas["ConversationPage"];
export type Tree = Schemas["Tree"];
export type Defaults = Schemas["Defaults"];
export type Sampling = Schemas["Sampling"];
export type Receipt = Schemas["Receipt"];
export type ReceiptCounts = Schemas["ReceiptCounts"];
export type Usage = Schemas["fireside.messages.Usage"];
export type Timings = Schemas["Timings"];
export type ModelCard = Schemas["ModelCard"];
export type Offer = Schemas["Offer"];
export type Persona = Schemas["Persona"];
export type SearchHit = Schemas["SearchHit"];
export type ServerStatus = Schemas["ServerStatus"];
export type Session = Schemas["Session"];
export type Settings = Schemas["Settings"];
export type ImportSummary = Schemas["ImportSummary"];
export type Memory = Schemas["Memory"];
export type Memories = Schemas["Memories"];
export type Pairing = Schemas["Pairing"];
export type Warmth = Schemas["Warmth"];

/** A text file or a picture that goes with a message. */
export interface Attachment {
  readonly name: string;
  readonly text: string;
  /** PNG, JPEG or GIF, as base64; such a file has no text */
  readonly picture?: string;
}

/** What one turn may ask for beyond its words; what is left out comes from the conversation's defaults. */
export type Answering = Partial<Omit<Defaults, "sampling">> & { sampling?: Partial<Sampling> };

export interface Progress {
  readonly event: "progress";
  readonly stage: "queued" | "fetching" | "verifying" | "loading" | "reading";
  readonly done: number;
  readonly total: number | null;
  readonly unit: "bytes" | "tokens" | "share" | "replies";
  readonly note: string | null;
}

/** What a reply streams: `fireside.events`. */
export type ReplyEvent =
  | { readonly event: "started"; readonly reply_id: string; readonly conversation_id: string; readonly model: string; readonly seed: number | null }
  | Progress
  | { readonly event: "receipt"; readonly receipt: Receipt }
  | { readonly event: "reasoning"; readonly text: string }
  | { readonly event: "text"; readonly text: string }
  | { readonly event: "finished"; readonly finish_reason: NonNullable<Message["finish_reason"]>; readonly usage: Usage; readonly timings: Timings }
  | { readonly event: "failed"; readonly code: string; readonly message: string; readonly hint: string | null };
