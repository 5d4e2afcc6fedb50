import type { memories as en } from "../en/memories";
import type { Same } from "../same";

export const memories: Same<typeof en> = {
  "section.memories": "记忆",
  "command.memories": "记忆",

  "memories.what": "您希望每个对话都知道的事：您的喜好、您的家人、您正在做的事。",
  "memories.switch": "把记忆告诉模型",
  "memories.on": "已开启。偏好在对话开始时告诉模型；其他的在问题与之有关时，引用在问题之前。",
  "memories.off": "在您开启之前一直关闭。现在，下面的内容不会告诉任何模型。",
  "memories.honest": "它们和您的对话一起留在本机。每次回答的详情都会显示模型得到了哪些记忆。临时对话不会得到记忆。",
  "memories.away": "在别处运行的模型得到记忆时，这些内容会发送到那里。",
  "memories.listed": "记住的内容",
  "memories.none": "还没有。可以在这里写，也可以在您的消息旁按“记住这个”。",
  "memories.new": "要记住的事",
  "memories.example": "我对花生过敏",
  "memories.add": "记住",
  "memories.text": "记忆",
  "memories.edit": "编辑：{text}",
  "memories.forget": "忘掉：{text}",
  "memories.remove": "忘掉",
  "memories.forgotten": "已在所有对话中忘掉",
  "memories.loading": "正在查看…",

  "remember.action": "记住这个",
  "remember.why": "此后所有对话都可以知道它。用自己的话只写一件事，效果最好。",
  "remember.whyOff": "它会保存下来，但记忆关闭时不会告诉任何模型。",
  "remember.switch": "同时开启记忆",
  "remember.done": "已记住",
  "remember.see": "查看",

  "receipt.memories": "得到了 {n} 条记忆",
  "receipt.forgotten": "后来已忘掉",
  "receipt.changed": "后来改过，现在是：",
};
