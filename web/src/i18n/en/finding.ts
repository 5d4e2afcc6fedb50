export const finding = {
  "chats.gone": "The temporary chat is gone",
  "chats.trashed": "Moved to the trash",
  "chats.untitled": "Untitled",
  "chats.none": "Your chats will be listed here.",
} as const;
