import type { thread as en } from "../en/thread";
import type { Same } from "../same";

export const thread: Same<typeof en> = {
  "thread.label": "对话内容",
  "thread.you": "您",
  "thread.honest": "回答由人工智能生成，可能有误。",
};
