import { afterEach, describe, expect, it } from "vitest";

import { parse, takeCode, to } from "./routes.svelte";

afterEach(() => history.replaceState(null, "", "#/"));

describe("an address", () => {
  it("names the view that it leads to", () => {
    expect(parse(to.chat("c1", "m1"))).toEqual({ view: "chat", id: "c1", message: "m1", temporary: false });
    expect(parse(to.settings("models"))).toEqual({ view: "settings", section: "models" });
    expect(parse(to.temporary)).toMatchObject({ view: "chat", id: null, temporary: true });
  });

  it("is a new chat when it names nothing", () => {
    for (const fragment of ["", "#", "#/", "#/nowhere/x", "#/%E0%A4%A"]) expect(parse(fragment)).toMatchObject({ view: "chat", id: null });
  });
});

describe("the code that a device is let in by", () => {
  it("is taken once and leaves the address", () => {
    history.replaceState(null, "", "#pair=aB3-_x");
    expect(takeCode()).toBe("aB3-_x");
    expect(location.hash).toBe("#/");
    expect(takeCode()).toBeNull();
  });

  it("is not found in other addresses", () => {
    history.replaceState(null, "", "#/c/pair=1");
    expect(takeCode()).toBeNull();
    expect(location.hash).toBe("#/c/pair=1");
  });
});
