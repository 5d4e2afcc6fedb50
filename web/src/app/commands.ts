/** What can be done from anywhere: each command has a name for the palette and perhaps keys. */

import { exportUrl } from "../api/client";
import type { Conversation, Message } from "../api/types";
import type { Key } from "../i18n/index.svelte";
import { branchOf, running, textOf } from "../state/tree";
import { copy, regenerate, stop } from "./answering";
import { change, remove } from "./conversations";
import { focusComposer } from "./focus";
import type { Chord } from "./keys";
import { toggleSidebar } from "./layout.svelte";
import { show } from "./overlays.svelte";
import { prefer, preferences, type Theme } from "./preferences.svelte";
import { go, route, to } from "./routes.svelte";
import { store } from "./store.svelte";

type Picture =
  | "again" | "copy" | "down" | "edit" | "flame" | "gear" | "ghost" | "inbox" | "keep" | "keys" | "menu" | "person" | "pin" | "plus" | "save"
  | "search" | "stop" | "theme" | "trash" | "up";

export interface Command {
  readonly name: Key;
  readonly icon: Picture;
  readonly keys?: Chord;
  /** whether `keys` are this command's even while one types */
  readonly whileTyping?: boolean;
  /** what it needs; a command that lacks it is not offered */
  readonly possible?: () => boolean;
  readonly run: () => void;
}

const THEMES: readonly Theme[] = ["light", "dark", "system"];

const branch = (): readonly Message[] => (store.state.open && route.current.view === "chat" ? branchOf(store.state.open) : []);
const last = (role: Message["role"]): Message | undefined => [...branch()].reverse().find((message) => message.role === role);
const answering = (): Message | undefined => branch().find(running);
const answered = (): boolean => last("assistant") !== undefined && !answering();
const opened = (): boolean => route.current.view === "chat" && store.state.open !== null;
const kept = (): boolean => opened() && !store.state.open?.conversation.temporary;

/** Open the chat that is `by` places further down in the list. */
function move(by: number): void {
  const listed = store.state.listing.conversations;
  const at = listed.findIndex(({ id }) => id === store.state.open?.conversation.id);
  const next = at < 0 ? listed[0] : listed[at + by];
  if (next) go(to.chat(next.id));
}

function turnTheme(): void {
  const at = THEMES.indexOf(preferences.theme);
  prefer({ theme: THEMES[(at + 1) % THEMES.length] ?? "system" });
}

/** What is heard by the view of a message, which then lets it be edited. */
export const EDIT = "fireside-edit";

const onLast = (role: Message["role"], work: (message: Message) => unknown) => () => {
  const message = last(role);
  if (message) void work(message);
};

const onOpen = (work: (conversation: Conversation) => unknown) => () => {
  const open = store.state.open;
  if (open) void work(open.conversation);
};

function stopAnswering(): void {
  const reply = answering();
  if (reply) void stop(reply.id);
}

export const COMMANDS: readonly Command[] = [
  { name: "command.new", icon: "plus", keys: { key: "o", mod: true, shift: true }, whileTyping: true, run: () => (go(to.new), focusComposer()) },
  { name: "command.temporary", icon: "ghost", keys: { key: "u", mod: true, shift: true }, whileTyping: true, run: () => go(to.temporary) },
  { name: "command.search", icon: "search", keys: { key: "f", mod: true, shift: true }, whileTyping: true, run: () => go(to.search) },
  { name: "command.palette", icon: "keys", keys: { key: "k", mod: true }, whileTyping: true, run: () => show("palette") },
  { name: "command.shortcuts", icon: "keys", keys: { key: "/", mod: true }, whileTyping: true, run: () => show("shortcuts") },
  { name: "command.sidebar", icon: "menu", keys: { key: "b", mod: true }, whileTyping: true, run: toggleSidebar },
  { name: "command.previous", icon: "up", keys: { key: "ArrowUp", alt: true }, possible: () => store.state.listing.conversations.length > 0, run: () => move(-1) },
  { name: "command.next", icon: "down", keys: { key: "ArrowDown", alt: true }, possible: () => store.state.listing.conversations.length > 0, run: () => move(1) },
  { name: "command.write", icon: "edit", keys: { key: "/" }, possible: () => route.current.view === "chat", run: focusComposer },
  { name: "command.stop", icon: "stop", keys: { key: "Escape" }, whileTyping: true, possible: () => answering() !== undefined, run: stopAnswering },
  { name: "command.copy", icon: "copy", keys: { key: "c", mod: true, shift: true }, whileTyping: true, possible: answered, run: onLast("assistant", (message) => copy(textOf(message))) },
  { name: "command.again", icon: "again", keys: { key: "g", mod: true, shift: true }, whileTyping: true, possible: answered, run: onLast("assistant", (message) => regenerate(message)) },
  { name: "command.edit", icon: "edit", keys: { key: "e", mod: true, shift: true }, whileTyping: true, possible: () => last("user") !== undefined, run: onLast("user", ({ id }) => document.dispatchEvent(new CustomEvent(EDIT, { detail: id }))) },
  { name: "command.theme", icon: "theme", keys: { key: "d", mod: true, shift: true }, whileTyping: true, run: turnTheme },
  { name: "command.settings", icon: "gear", keys: { key: ",", mod: true }, whileTyping: true, run: () => go(to.settings()) },
  { name: "command.models", icon: "flame", run: () => go(to.settings("models")) },
  { name: "command.personas", icon: "person", run: () => go(to.settings("personas")) },
  { name: "command.memories", icon: "keep", run: () => go(to.settings("memories")) },
  { name: "command.pin", icon: "pin", possible: kept, run: onOpen(({ id, pinned }) => change(id, { pinned: !pinned })) },
  { name: "command.remove", icon: "trash", possible: opened, run: onOpen(remove) },
  { name: "command.trash", icon: "trash", run: () => go(to.trash) },
  { name: "command.import", icon: "inbox", run: () => show("import") },
  { name: "command.export", icon: "save", run: () => location.assign(exportUrl()) },
];

/** The signs that need no other key, and so only count where nobody types. */
const SIGNS: readonly { readonly keys: Chord; readonly name: Key }[] = [{ keys: { key: "?" }, name: "command.shortcuts" }];

export const possible = (command: Command): boolean => command.possible?.() ?? true;

export const commandOf = (name: Key): Command | undefined => COMMANDS.find((command) => command.name === name);

/** Every way to run a command by keys. */
export const BINDINGS = [
  ...COMMANDS.flatMap((command) => (command.keys ? [{ keys: command.keys, command }] : [])),
  ...SIGNS.flatMap(({ keys, name }) => COMMANDS.filter((command) => command.name === name).map((command) => ({ keys, command: { ...command, whileTyping: false } }))),
];
