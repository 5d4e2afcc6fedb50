/** 简体中文 */

import type { Catalogue } from "../index.svelte";
import { composer } from "./composer";
import { finding } from "./finding";
import { memories } from "./memories";
import { offers } from "./offers";
import { settings } from "./settings";
import { shell } from "./shell";
import { thread } from "./thread";

export const zh: Catalogue = { ...shell, ...thread, ...composer, ...finding, ...memories, ...offers, ...settings };
