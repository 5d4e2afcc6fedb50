import type { finding as en } from "../en/finding";
import type { Same } from "../same";

export const finding: Same<typeof en> = {
  "chats.gone": "临时对话已消失",
  "chats.trashed": "已移到回收站",
  "chats.untitled": "无标题",
  "chats.none": "您的对话会列在这里。",
};
