/** Tells the service worker what the page is made of: a list of its files, and a digest of it all. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Plugin } from "vite";

const WORKER = "sw.js";
const PAGE = "index.html";
const KEPT = /^assets\/.*\.(?:css|js|woff2)$/;
/** of `public/`: what the page itself names */
const BESIDE = ["icon.svg", "manifest.webmanifest"];

export function shell(): Plugin {
  let root = "";
  return {
    name: "fireside-shell",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      root = config.publicDir;
    },
    generateBundle(_options, bundle) {
      const worker = bundle[WORKER];
      const page = bundle[PAGE];
      if (worker?.type !== "chunk" || page?.type !== "asset") return this.error(`the build made no ${WORKER} or no ${PAGE}`);
      if (worker.imports.length) return this.error(`${WORKER} has to stand alone, but imports ${worker.imports.join(", ")}`);
      const assets = Object.keys(bundle).filter((name) => KEPT.test(name)).sort();
      const digest = createHash("sha256").update(assets.join()).update(page.source).update(worker.code);
      for (const name of BESIDE) digest.update(readFileSync(join(root, name)));
      const list = ["/", ...BESIDE.map((name) => `/${name}`), ...assets.map((name) => `/${name}`)];
      const told = `const SHELL=${JSON.stringify(list)},VERSION=${JSON.stringify(digest.digest("hex").slice(0, 16))};\n`;
      worker.code = told + worker.code;
    },
  };
}
