/** What can be done with a chat, as a menu offers it. */

import { exportUrl } from "../api/client";
import type { Conversation } from "../api/types";
import { t } from "../i18n/index.svelte";
import { change, remove } from "./conversations";

export interface Action {
  readonly label: string;
  readonly icon: "edit" | "file" | "pin" | "save" | "trash";
  readonly danger?: boolean;
  readonly run?: () => void;
  /** a file to be downloaded, in place of `run` */
  readonly href?: string;
}

export function actionsOf(conversation: Conversation, rename: () => void): readonly Action[] {
  const { id, pinned, temporary } = conversation;
  if (temporary) return [{ label: t("chats.end"), icon: "trash", danger: true, run: () => void remove(conversation) }];
  return [
    { label: t(pinned ? "chats.unpin" : "chats.pin"), icon: "pin", run: () => void change(id, { pinned: !pinned }) },
    { label: t("chats.rename"), icon: "edit", run: rename },
    { label: t("chats.markdown"), icon: "file", href: exportUrl({ id, format: "markdown" }) },
    { label: t("chats.json"), icon: "save", href: exportUrl({ id, format: "json" }) },
    { label: t("chats.remove"), icon: "trash", danger: true, run: () => void remove(conversation) },
  ];
}
