/** What went wrong, as the server says it: a message for a person, and what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** The server was not reached at all: it may be starting again. */
  get unreachable(): boolean {
    return this.status === 0;
  }

  get signedOut(): boolean {
    return this.status === 401;
  }
}

interface Envelope {
  error?: { code?: string; message?: string; hint?: string | null };
}

/** Return the error that an answer tells. Proxies may answer for a server with anything. */
export async function errorOf(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get("retry-after"));
  let told: Envelope["error"];
  try {
    told = ((await response.json()) as Envelope).error;
  } catch {
    told = undefined;
  }
  return new ApiError(
    response.status,
    told?.code ?? "unknown",
    told?.message ?? `${response.status} ${response.statusText}`.trim(),
    told?.hint ?? null,
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

/** Call `fetch`; where nobody answers, the error says so. An abort stays an abort. */
export async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "unreachable", "the server does not answer");
  }
}
