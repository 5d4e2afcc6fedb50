import { describe, expect, it } from "vitest";

import type { Conversation } from "../api/types";
import { byDay } from "./days";

const at = (id: string, when: string, pinned = false) => ({ id, pinned, updated_at: Date.parse(when) }) as Conversation;
const NOW = Date.parse("2026-03-29T15:00:00Z");
const listed = (zone: string, ...conversations: ReturnType<typeof at>[]) =>
  byDay(conversations, NOW, zone).map(({ key, conversations }) => [key, conversations.map(({ id }) => id)]);

describe("chats by day", () => {
  it("are pinned, of today, yesterday, the last seven days, or of their month", () => {
    const all = [
      at("p", "2020-01-01T00:00:00Z", true), at("t", "2026-03-29T00:10:00Z"), at("y", "2026-03-28T23:50:00Z"),
      at("w", "2026-03-22T12:00:00Z"), at("m", "2026-03-21T12:00:00Z"), at("o", "2025-03-21T12:00:00Z"),
    ];
    expect(listed("UTC", ...all)).toEqual([
      ["pinned", ["p"]], ["today", ["t"]], ["yesterday", ["y"]], ["week", ["w"]], ["2026-3", ["m"]], ["2025-3", ["o"]],
    ]);
  });

  it("change their day where the person is, not in Greenwich", () => {
    const moment = at("moment", "2026-03-28T22:30:00Z");
    expect(listed("America/Los_Angeles", moment)).toEqual([["yesterday", ["moment"]]]);
    expect(listed("Asia/Shanghai", moment)).toEqual([["today", ["moment"]]]);
    expect(listed("Pacific/Kiritimati", moment)).toEqual([["yesterday", ["moment"]]]);
  });

  it("are of yesterday though the night in between had an hour less", () => {
    // Berlin's clocks went from 2 to 3 on this day: 23:30 was 22 hours before 22:30.
    const now = Date.parse("2026-03-29T20:30:00Z");
    const groups = byDay([at("y", "2026-03-28T22:30:00Z"), at("t", "2026-03-28T23:30:00Z")], now, "Europe/Berlin");
    expect(groups.map(({ key }) => key)).toEqual(["yesterday", "today"]);
  });

  it("are of today when the clock that stamped them ran ahead", () => {
    expect(listed("UTC", at("ahead", "2026-04-02T00:00:00Z"))).toEqual([["today", ["ahead"]]]);
  });

  it("keep their order within a group", () => {
    expect(listed("UTC", at("b", "2026-03-29T10:00:00Z"), at("a", "2026-03-29T09:00:00Z"))).toEqual([["today", ["b", "a"]]]);
  });
});
