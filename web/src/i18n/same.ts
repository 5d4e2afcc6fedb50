/** A text with `{name}`s in it, or one for each plural category of `Intl.PluralRules`, chosen by `{n}`. */
export type Entry = string | { readonly one?: string; readonly other: string };

/** The words of another language: an entry for each that English has, none forgotten and none more. */
export type Same<English> = { readonly [K in keyof English]: Entry };
