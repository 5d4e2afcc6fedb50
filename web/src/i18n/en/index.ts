/** English: the words that every other language has, too. */

import { composer } from "./composer";
import { finding } from "./finding";
import { memories } from "./memories";
import { offers } from "./offers";
import { settings } from "./settings";
import { shell } from "./shell";
import { thread } from "./thread";

export const en = { ...shell, ...thread, ...composer, ...finding, ...memories, ...offers, ...settings };
