import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

import { shell } from "./shell.ts";

// The page is served by Fireside itself, from src/fireside/server/built.
export default defineConfig({
  plugins: [svelte(), shell()],
  build: {
    outDir: "../src/fireside/server/built",
    emptyOutDir: true,
    target: "es2022",
    // The policy forbids inline scripts, and every browser that we serve preloads modules itself.
    modulePreload: { polyfill: false },
    // A data: address would be refused for fonts and is never smaller once compressed.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 400,
    // Every part of the page travels with its licence.
    rolldownOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      // A service worker serves the folder that it lies in, and is asked for by its name.
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
    license: { fileName: "licences.md" },
  },
  server: { proxy: { "/fireside": "http://127.0.0.1:3473", "/health": "http://127.0.0.1:3473" } },
  ...(process.env.VITEST && { resolve: { conditions: ["browser"] } }),
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"] },
});
