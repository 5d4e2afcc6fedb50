export const settings = {
  "models.removed": "{name} was removed",
} as const;
