/**
 * The offline shell: the page's own files stay with the browser, so that it opens and says what is
 * the matter while the server is away. Answers of the server are never kept.
 *
 * A page comes from the server whenever that answers, and its files carry a digest in their names:
 * what is shown is always whole and of one version, and a new one needs no second load.
 */

declare const self: ServiceWorkerGlobalScope;
/** what is kept; written here by the build, with a digest of it all */
declare const SHELL: readonly string[];
declare const VERSION: string;

const OURS = "fireside-";
const CACHE = OURS + VERSION;
const NAMED_BY_DIGEST = "/assets/";
const PATIENCE_MS = 3000;
/** A page of the version before may still be open, and load the rest of itself. */
const KEPT = 2;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith(NAMED_BY_DIGEST)) event.respondWith(kept(request));
  else if (SHELL.includes(pathname)) event.respondWith(fresh(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await Promise.all(
    SHELL.map(async (path) => {
      const known = path.startsWith(NAMED_BY_DIGEST) ? await found(path) : undefined;
      const response = known ?? (await fetch(path, { cache: "no-cache" }));
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      await cache.put(path, response);
    }),
  );
  await self.skipWaiting();
}

async function tidy(): Promise<void> {
  const ours = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(ours.slice(0, 1 - KEPT).map((name) => caches.delete(name)));
}

const found = (what: Request | string): Promise<Response | undefined> => caches.match(what, { ignoreVary: true });

async function kept(request: Request): Promise<Response> {
  return (await found(request)) ?? (await fetch(request));
}

/** Ask the server; where it is away or not itself yet, what is kept has to do. */
async function fresh(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  const ours = async () => (await caches.open(CACHE)).match(path, { ignoreVary: true });
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status < 500) return response;
    return (await ours()) ?? response;
  } catch (error) {
    const response = await ours();
    if (!response) throw error;
    return response;
  }
}

export {};
