export const thread = {
  "thread.label": "Conversation",
  "thread.you": "You",
  "thread.honest": "Answers come from an AI and may be wrong.",
} as const;
