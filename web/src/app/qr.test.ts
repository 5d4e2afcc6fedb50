import { describe, expect, it } from "vitest";

import { QUIET, qrOf } from "./qr";

describe("a QR code", () => {
  it("has its three corners, and room around it", async () => {
    const { size, path } = await qrOf("http://192.0.2.7:3473/#pair=abcdefghijklmnopqrstuv");
    const last = size - QUIET - 7;
    expect(path.startsWith(`M${QUIET} ${QUIET}h7v1h-7z`)).toBe(true);
    expect(path).toContain(`M${last} ${QUIET}h7v1h-7z`);
    expect(path).toContain(`M${QUIET} ${last}h7v1h-7z`);
    expect(path).not.toMatch(/M[0-3] |M\d+ [0-3]h/);
  });

  it("is another one for another text", async () => {
    expect(await qrOf("one")).not.toEqual(await qrOf("two"));
  });
});
