/** Everything that the page shows, as one immutable value. `reduce` makes the next one. */

import type {
  Conversation, ImportSummary, Memories, Message, ModelCard, Persona, Progress, Receipt, SearchHit, ServerStatus, Session,
  Settings,
} from "../api/types";

/** Whether the server is reached: `signed-out` asks for a key, `offline` tries again by itself. */
export type Link = "connecting" | "online" | "offline" | "signed-out";

/** A conversation's messages, by id and by parent (null is the root). Children are oldest first. */
export interface Messages {
  readonly byId: ReadonlyMap<string, Message>;
  readonly children: ReadonlyMap<string | null, readonly string[]>;
}

export interface Open {
  readonly conversation: Conversation;
  readonly messages: Messages;
}

/**
 * A reply while it is being written. It lives beside the tree, so that a word costs the same in a
 * conversation of 5,000 messages as in a new one.
 */
export interface Live {
  readonly id: string;
  readonly conversationId: string;
  readonly text: string;
  readonly reasoning: string;
  readonly receipt: Receipt | null;
  readonly progress: Progress | null;
  /** where to go on watching after a lost connection */
  readonly cursor: string;
  readonly link: "connected" | "reconnecting";
  readonly stopping: boolean;
}

export interface Listing {
  readonly conversations: readonly Conversation[];
  readonly nextCursor: string | null;
  readonly loaded: boolean;
}

export interface Search {
  readonly query: string;
  readonly hits: readonly SearchHit[];
  readonly busy: boolean;
  /** whether more may be found by asking on */
  readonly more: boolean;
}

/** A line that says what happened, with one thing that can be done about it. */
export interface Notice {
  readonly id: number;
  readonly kind: "done" | "error";
  readonly text: string;
  readonly hint?: string | null;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Why nobody was let in, and until when (Unix milliseconds) trying again is of no use. */
export interface Refusal {
  readonly text: string;
  readonly hint: string | null;
  readonly until: number | null;
}

/** Something that takes a while: a model that is fetched, a file that is imported. */
export interface Job {
  readonly id: string;
  readonly kind: "pull" | "import";
  readonly title: string;
  readonly done: number;
  readonly total: number | null;
  readonly stage: string | null;
  /** what an import did, once it has; it is shown until somebody has read it */
  readonly imported?: ImportSummary;
  /** why it ended before its end; it can be begun again */
  readonly failure?: { readonly text: string; readonly hint: string | null } | undefined;
}

export interface State {
  readonly link: Link;
  readonly refusal: Refusal | null;
  readonly status: ServerStatus | null;
  readonly listing: Listing;
  readonly trash: Listing;
  readonly search: Search | null;
  readonly open: Open | null;
  /** why the conversation that was asked for can't be shown */
  readonly missing: { readonly id: string; readonly text: string; readonly hint: string | null } | null;
  readonly live: Readonly<Record<string, Live>>;
  /** what the model was given, of the replies whose details were looked at */
  readonly receipts: Readonly<Record<string, Receipt>>;
  readonly models: readonly ModelCard[];
  readonly personas: readonly Persona[];
  readonly sessions: readonly Session[];
  /** what all conversations may know, and whether they do, once somebody wanted to see it */
  readonly memories: Memories | null;
  /** the server's own settings, once somebody wanted to see them */
  readonly settings: Settings | null;
  readonly notices: readonly Notice[];
  readonly jobs: readonly Job[];
}

const NOTHING: Listing = { conversations: [], nextCursor: null, loaded: false };

export const initial: State = {
  link: "connecting",
  refusal: null,
  status: null,
  listing: NOTHING,
  trash: NOTHING,
  search: null,
  open: null,
  missing: null,
  live: {},
  receipts: {},
  models: [],
  personas: [],
  sessions: [],
  memories: null,
  settings: null,
  notices: [],
  jobs: [],
};
