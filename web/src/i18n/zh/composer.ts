import type { composer as en } from "../en/composer";
import type { Same } from "../same";

export const composer: Same<typeof en> = {
  "composer.label": "您的消息",
  "composer.placeholder": "想问什么都可以",
  "composer.send": "发送",
  "composer.stop": "停止",
};
