import type { shell as en } from "../en/shell";
import type { Same } from "../same";

export const shell: Same<typeof en> = {
  undo: "撤销",
  cancel: "取消",
  close: "关闭",
  retry: "重试",
  copied: "已复制",
  copyFailed: "浏览器不允许复制",
  copyFailedHint: "请选中文字，再按 Ctrl-C 复制。",
  "nav.new": "新对话",
  "nav.chats": "对话",
  "nav.search": "搜索",
  "nav.trash": "回收站",
  "nav.settings": "设置",
  "nav.temporary": "临时对话",
  "nav.menu": "显示或隐藏对话列表",
  "nav.skip": "跳到对话",
  "link.connecting": "正在连接…",
  "link.offline": "Fireside 没有运行，或本设备断网了。正在重试…",
  "link.unreachable": "Fireside 没有回应",
  "link.unreachableHint": "您写的内容已保留。请用 `fireside serve` 重新启动，或检查本设备的网络。",
};
