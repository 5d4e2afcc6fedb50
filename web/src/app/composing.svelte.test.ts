import { beforeEach, describe, expect, it, vi } from "vitest";

import { api } from "../api/client";
import { ApiError } from "../api/errors";
import type { Conversation } from "../api/types";
import { ask, begin } from "./answering";
import { choose } from "./choosing.svelte";
import { composing, NEW, TEMPORARY } from "./composing.svelte";
import { drafts } from "./preferences.svelte";
import { store } from "./store.svelte";
import { typed, typedEnough } from "./typing";

vi.mock("./answering", () => ({ ask: vi.fn(), begin: vi.fn() }));
vi.mock("./typing", () => ({ typed: vi.fn(), typedEnough: vi.fn() }));
vi.mock("../api/client", () => ({ api: { change: vi.fn() } }));

const BEGINNING = { defaults: {}, temporary: false };
const FILE = { name: "a.txt", text: "words" };
let chats = 0;

/** Open a chat of its own for each test: drafts outlive the place where they are shown. */
function opened(given: Partial<Conversation> = {}): { id: string; kept: boolean } {
  const id = `c${++chats}`;
  const conversation = { id, title: "", head_id: null, temporary: false, deleted_at: null, ...given } as Conversation;
  store.change({ type: "opened", tree: { conversation, messages: [] } });
  return { id, kept: !conversation.temporary };
}

beforeEach(() => {
  vi.mocked(ask).mockReset().mockResolvedValue(true);
  vi.mocked(begin).mockReset();
  vi.mocked(typed).mockReset();
  store.change({ type: "closed" });
  localStorage.clear();
});

describe("what is written", () => {
  it("belongs to its chat, and is on the disk", () => {
    const [one, other] = [opened(), opened()];
    composing.show(one);
    composing.text = "for one";
    composing.files = [FILE];
    composing.show(other);
    expect([composing.text, composing.files]).toEqual(["", []]);
    composing.show(one);
    expect([composing.text, composing.files]).toEqual(["for one", [FILE]]);
    expect([drafts.read(one.id), drafts.files(one.id)]).toEqual(["for one", [FILE]]);
  });

  it("is told while it is typed into an open chat, unless files go with it", async () => {
    const at = opened();
    composing.show(at);
    composing.text = "hel";
    expect(typed).toHaveBeenLastCalledWith("hel");
    composing.files = [FILE];
    composing.text = "hello";
    composing.show(NEW);
    composing.text = "another";
    expect(typed).toHaveBeenCalledTimes(1);
    vi.mocked(typedEnough).mockClear();
    composing.show(at);
    await composing.send(BEGINNING);
    expect(typedEnough).toHaveBeenCalledOnce();
  });

  it("is forgotten once the server has it, and not before", async () => {
    const at = opened();
    composing.show(at);
    composing.text = "hello";
    const sent = composing.send(BEGINNING);
    expect(composing.text).toBe("");
    expect(drafts.read(at.id)).toBe("hello");
    await sent;
    expect(ask).toHaveBeenCalledWith({ text: "hello", files: [] }, BEGINNING);
    expect(drafts.read(at.id)).toBe("");
  });

  it("waits until the server knows what was chosen for it", async () => {
    const at = opened({ defaults: { sampling: {} } } as Partial<Conversation>);
    composing.show(at);
    let changed = (_: Conversation): void => undefined;
    vi.mocked(api.change).mockReturnValue(new Promise((done) => (changed = done)));
    void choose({ system: "Be brief." });
    composing.text = "hello";
    const sent = composing.send(BEGINNING);
    await Promise.resolve();
    expect(ask).not.toHaveBeenCalled();
    changed({ id: at.id, title: "" } as Conversation);
    await sent;
    expect(ask).toHaveBeenCalledOnce();
  });

  it("comes back before what was written since, where it could not be sent", async () => {
    const at = opened();
    composing.show(at);
    composing.text = "first";
    composing.files = [FILE];
    vi.mocked(ask).mockResolvedValue(false);
    const sent = composing.send(BEGINNING);
    composing.text = "second";
    await sent;
    expect([composing.text, composing.files]).toEqual(["first\n\nsecond", [FILE]]);
    expect(drafts.read(at.id)).toBe("first\n\nsecond");
  });

  it("goes along into the chat that begins with it", async () => {
    composing.show(NEW);
    composing.text = "first";
    vi.mocked(begin).mockImplementation(async () => {
      const at = opened();
      composing.text = "typed meanwhile";
      composing.show(at);
      return at.id;
    });
    await composing.send(BEGINNING);
    expect(composing.text).toBe("typed meanwhile");
    expect(drafts.read("new")).toBe("");
    composing.show(NEW);
    expect(composing.text).toBe("");
  });

  it("stays where it was when no chat could begin", async () => {
    composing.show(NEW);
    composing.text = "kept";
    vi.mocked(begin).mockRejectedValue(new ApiError(507, "disk_full", "no room"));
    await composing.send(BEGINNING);
    expect(composing.text).toBe("kept");
    expect(drafts.read("new")).toBe("kept");
  });

  it("returns to its own chat when one has gone elsewhere", async () => {
    const [one, other] = [opened(), opened()];
    composing.show(one);
    composing.text = "for one";
    vi.mocked(ask).mockImplementation(async () => (composing.show(other), false));
    await composing.send(BEGINNING);
    expect(composing.text).toBe("");
    composing.show(one);
    expect(composing.text).toBe("for one");
  });

  it("never reaches the disk in a temporary chat", () => {
    composing.show(TEMPORARY);
    composing.text = "secret";
    const at = opened({ temporary: true });
    // Before it is known to be temporary, a chat is taken for one that is kept.
    composing.show({ ...at, kept: true });
    composing.text = "secret";
    composing.show(at);
    expect(composing.text).toBe("secret");
    expect(JSON.stringify(localStorage)).not.toContain("secret");
  });

  it("is sent once, and only where there is something", async () => {
    composing.show(opened());
    composing.text = "  \n";
    await composing.send(BEGINNING);
    expect(ask).not.toHaveBeenCalled();
    composing.text = "once";
    await Promise.all([composing.send(BEGINNING), composing.send(BEGINNING)]);
    expect(ask).toHaveBeenCalledTimes(1);
  });
});
