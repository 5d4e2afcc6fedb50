/** The one place where what happened becomes what is shown. Pure: same state and change, same result. */

import type {
  Conversation, ConversationPage, Memories, Memory, Message, ModelCard, Persona, Progress, Receipt, ReplyEvent, SearchHit, ServerStatus,
  Session, Settings, Tree,
} from "../api/types";
import { initial, type Job, type Link, type Listing, type Live, type Notice, type Refusal, type State } from "./model";
import { messagesOf, reasoningOf, running, textOf, withMessages, withoutMessage } from "./tree";

export type Change =
  | { type: "link"; link: Link }
  | { type: "refused"; refusal: Refusal | null }
  | { type: "status"; status: ServerStatus }
  | { type: "listed"; page: ConversationPage; trash: boolean; more: boolean }
  | { type: "refreshed"; page: ConversationPage }
  | { type: "conversation"; conversation: Conversation }
  | { type: "conversation gone"; id: string }
  | { type: "opened"; tree: Tree }
  | { type: "missing"; id: string; text: string; hint: string | null }
  | { type: "closed" }
  | { type: "messages"; messages: readonly Message[]; head?: string | null }
  | { type: "message gone"; id: string; head: string | null }
  | { type: "watched"; id: string; events: readonly ReplyEvent[]; cursor: string }
  | { type: "reply link"; id: string; link: Live["link"] }
  | { type: "stopping"; id: string }
  | { type: "ended"; message: Message }
  | { type: "receipt"; id: string; receipt: Receipt }
  | { type: "searching"; query: string }
  | { type: "found"; query: string; hits: readonly SearchHit[]; offset: number; more: boolean }
  | { type: "search closed" }
  | { type: "models"; models: readonly ModelCard[] }
  | { type: "personas"; personas: readonly Persona[] }
  | { type: "sessions"; sessions: readonly Session[] }
  | { type: "memories"; memories: Memories }
  | { type: "memory"; memory: Memory }
  | { type: "memory gone"; id: string }
  | { type: "settings"; settings: Settings }
  | { type: "notice"; notice: Notice }
  | { type: "notice gone"; id: number }
  | { type: "job"; job: Job }
  | { type: "job failed"; id: string; text: string; hint: string | null }
  | { type: "job gone"; id: string };

export function reduce(state: State, change: Change): State {
  switch (change.type) {
    case "link":
      return linked(state, change.link);
    case "refused":
      return { ...state, refusal: change.refusal };
    case "status":
      return { ...state, status: change.status };
    case "listed":
      return change.trash
        ? { ...state, trash: listed(state.trash, change.page, change.more) }
        : { ...state, listing: listed(state.listing, change.page, change.more) };
    case "refreshed":
      return { ...state, listing: refreshed(state.listing, change.page), open: asWarm(state.open, change.page) };
    case "conversation":
      return withConversation(state, change.conversation);
    case "conversation gone":
      return withoutConversation(state, change.id);
    case "opened":
      return opened(state, change.tree);
    case "missing":
      return { ...state, open: null, missing: { id: change.id, text: change.text, hint: change.hint } };
    case "closed":
      return state.open || state.missing ? { ...state, open: null, missing: null } : state;
    case "messages":
      return withNewMessages(state, change.messages, change.head);
    case "message gone":
      return withoutBranch(state, change.id, change.head);
    case "watched":
      return onLive(state, change.id, (live) => change.events.reduce(heard, { ...live, link: "connected", cursor: change.cursor }));
    case "reply link":
      return onLive(state, change.id, (live) => ({ ...live, link: change.link }));
    case "stopping":
      return onLive(state, change.id, (live) => ({ ...live, stopping: true }));
    case "ended":
      return ended(state, change.message);
    case "receipt":
      return { ...state, receipts: { ...state.receipts, [change.id]: change.receipt } };
    case "searching":
      return { ...state, search: { query: change.query, hits: state.search?.hits ?? [], busy: true, more: false } };
    case "found":
      return found(state, change.query, change.hits, change.offset, change.more);
    case "search closed":
      return { ...state, search: null };
    case "models":
      return { ...state, models: change.models };
    case "personas":
      return { ...state, personas: change.personas };
    case "sessions":
      return { ...state, sessions: change.sessions };
    case "memories":
      return { ...state, memories: change.memories };
    case "memory":
      return onMemories(state, (known) => withMemory(known, change.memory));
    case "memory gone":
      return onMemories(state, (known) => known.filter(({ id }) => id !== change.id));
    case "settings":
      return { ...state, settings: change.settings };
    case "notice":
      return { ...state, notices: [...state.notices.filter((notice) => notice.id !== change.notice.id), change.notice] };
    case "notice gone":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== change.id) };
    case "job":
      return { ...state, jobs: [...state.jobs.filter((job) => job.id !== change.job.id), change.job] };
    case "job failed":
      return { ...state, jobs: state.jobs.map((job) => (job.id === change.id ? { ...job, failure: { text: change.text, hint: change.hint } } : job)) };
    case "job gone":
      return { ...state, jobs: state.jobs.filter((job) => job.id !== change.id) };
  }
}

/** What was shown is nobody's any more once one is signed out; why one isn't let in stays to be read. */
function linked(state: State, link: Link): State {
  if (link === "signed-out") return { ...initial, link, refusal: state.refusal };
  return { ...state, link, refusal: link === "online" ? null : state.refusal };
}

function listed(listing: Listing, page: ConversationPage, more: boolean): Listing {
  const known = new Set(page.conversations.map((conversation) => conversation.id));
  const before = more ? listing.conversations.filter((conversation) => !known.has(conversation.id)) : [];
  return { conversations: [...before, ...page.conversations], nextCursor: page.next_cursor, loaded: true };
}

/** The newest page took the place of what it covers; what had been listed beyond it stays listed. */
function refreshed(listing: Listing, page: ConversationPage): Listing {
  const last = page.conversations.at(-1);
  if (page.next_cursor === null || !last) return listed(listing, page, false);
  const known = new Set(page.conversations.map(({ id }) => id));
  const beyond = listing.conversations.filter((one) => !known.has(one.id) && before(last, one) < 0);
  const nextCursor = beyond.length ? listing.nextCursor : page.next_cursor;
  return { conversations: [...page.conversations, ...beyond], nextCursor, loaded: true };
}

/** How warm the open chat is, is told by the list; what else it has may be newer here than there. */
function asWarm(open: State["open"], page: ConversationPage): State["open"] {
  const told = open && page.conversations.find(({ id }) => id === open.conversation.id);
  return told ? { ...open, conversation: { ...open.conversation, warmth: told.warmth } } : open;
}

/** As the server lists them: pinned ones first, then by when something was said last. */
const before = (a: Conversation, b: Conversation): number =>
  Number(b.pinned) - Number(a.pinned) || b.updated_at - a.updated_at;

const inOrder = (conversations: readonly Conversation[]): readonly Conversation[] => [...conversations].sort(before);

function withConversation(state: State, conversation: Conversation): State {
  const others = state.listing.conversations.filter(({ id }) => id !== conversation.id);
  const shown = conversation.temporary || conversation.deleted_at !== null ? others : inOrder([...others, conversation]);
  const open = state.open?.conversation.id === conversation.id ? { ...state.open, conversation } : state.open;
  return { ...state, open, listing: { ...state.listing, conversations: shown } };
}

function withoutConversation(state: State, gone: string): State {
  const without = (listing: Listing): Listing => ({
    ...listing,
    conversations: listing.conversations.filter(({ id }) => id !== gone),
  });
  const open = state.open?.conversation.id === gone ? null : state.open;
  return { ...state, open, listing: without(state.listing), trash: without(state.trash) };
}

function opened(state: State, tree: Tree): State {
  const messages = messagesOf(tree.messages);
  const live = { ...state.live };
  for (const message of tree.messages) {
    if (running(message) && !live[message.id]) live[message.id] = beginning(message);
  }
  return { ...state, missing: null, live, open: { conversation: tree.conversation, messages } };
}

function beginning(message: Message): Live {
  return {
    id: message.id,
    conversationId: message.conversation_id,
    // What a reply said before it was continued, or before the page was loaded, is told again.
    text: "",
    reasoning: "",
    receipt: null,
    progress: null,
    cursor: "",
    link: "connected",
    stopping: false,
  };
}

function withNewMessages(state: State, added: readonly Message[], head: string | null | undefined): State {
  const first = added[0];
  if (!first || state.open?.conversation.id !== first.conversation_id) return state;
  const live = { ...state.live };
  for (const message of added) if (running(message)) live[message.id] ??= beginning(message);
  const conversation = head === undefined ? state.open.conversation : { ...state.open.conversation, head_id: head };
  return { ...state, live, open: { conversation, messages: withMessages(state.open.messages, added) } };
}

function withoutBranch(state: State, id: string, head: string | null): State {
  if (!state.open) return state;
  const messages = withoutMessage(state.open.messages, id);
  return { ...state, open: { conversation: { ...state.open.conversation, head_id: head }, messages } };
}

function onLive(state: State, id: string, next: (live: Live) => Live): State {
  const live = state.live[id];
  return live ? { ...state, live: { ...state.live, [id]: next(live) } } : state;
}

/** Take in one event. A watcher that resumes is told only what its cursor lacks. */
function heard(live: Live, event: ReplyEvent): Live {
  switch (event.event) {
    case "progress":
      return { ...live, progress: event satisfies Progress };
    case "receipt":
      return { ...live, receipt: event.receipt };
    case "reasoning":
      return { ...live, reasoning: live.reasoning + event.text, progress: null };
    case "text":
      return { ...live, text: live.text + event.text, progress: null };
    case "started":
    case "finished":
    case "failed":
      return { ...live, progress: null };
  }
}

/**
 * The server's own record of the reply takes the place of what was heard. So does its receipt: an engine may
 * have noted more in it since somebody looked, such as a damaged snapshot.
 */
function ended(state: State, message: Message): State {
  const { [message.id]: _, ...live } = state.live;
  const { [message.id]: __, ...receipts } = state.receipts;
  if (state.open?.conversation.id !== message.conversation_id) return { ...state, live, receipts };
  return { ...state, live, receipts, open: { ...state.open, messages: withMessages(state.open.messages, [message]) } };
}

function found(state: State, query: string, hits: readonly SearchHit[], offset: number, more: boolean): State {
  // An answer to what was typed before is of no use any more.
  if (state.search?.query !== query) return state;
  const before = offset ? state.search.hits.slice(0, offset) : [];
  return { ...state, search: { query, hits: [...before, ...hits], busy: false, more } };
}

/** While nobody has asked for the memories there is nothing to change: all of them come when somebody does. */
function onMemories(state: State, next: (known: readonly Memory[]) => readonly Memory[]): State {
  return state.memories ? { ...state, memories: { ...state.memories, memories: [...next(state.memories.memories)] } } : state;
}

/** In the place that it had, or at the end: the server lists the oldest first. */
function withMemory(known: readonly Memory[], memory: Memory): readonly Memory[] {
  if (!known.some(({ id }) => id === memory.id)) return [...known, memory];
  return known.map((one) => (one.id === memory.id ? memory : one));
}

/** What a message says now: what was heard of a running reply, or what the tree has. */
export function wordsOf(state: State, message: Message): { text: string; reasoning: string } {
  const live = state.live[message.id];
  return live ?? { text: textOf(message), reasoning: reasoningOf(message) };
}
