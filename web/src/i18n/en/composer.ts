export const composer = {
  "composer.label": "Your message",
  "composer.placeholder": "Ask anything",
  "composer.send": "Send",
  "composer.stop": "Stop",
} as const;
