// Packs what was built, once and as small as it gets, so that the server only has to choose.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUILT = fileURLToPath(new URL("../src/fireside/server/built/", import.meta.url));
const WORTH_IT = /\.(css|html|js|json|md|svg|webmanifest)$/;
const AT_LEAST = 1024;

for (const name of readdirSync(BUILT, { recursive: true })) {
  const path = join(BUILT, name);
  if (!WORTH_IT.test(name) || statSync(path).size < AT_LEAST) continue;
  const data = readFileSync(path);
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  writeFileSync(`${path}.br`, brotliCompressSync(data, { params: size }));
  writeFileSync(`${path}.gz`, gzipSync(data, { level: constants.Z_BEST_COMPRESSION }));
}
