"""简体中文: the sentences about memory."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "{count} earlier messages are given as a digest from now on · /context tells more": (
        "较早的 {count} 条消息从现在起以摘要代替 · 详见 /context"
    ),
    "{count} earlier messages are left out · /context tells more": (
        "较早的 {count} 条消息未包含在内 · 详见 /context"
    ),
    "{count} memories:": "{count} 条记忆：",
    "a memory that is forgotten": "一条已忘记的记忆",
    # commands
    "Show and change what every chat remembers.": "查看和修改所有对话共用的记忆。",
    "List the memories with their numbers.": "列出记忆及其编号。",
    "Remember a text.": "记住一段文字。",
    "Change what is remembered.": "修改记住的内容。",
    "Forget a memory.": "忘记一条记忆。",
    "Give conversations the memories that apply.": "让对话使用相关的记忆。",
    "Give no conversation a memory; nothing is forgotten.": "不让对话使用记忆；什么也不会忘记。",
    "remember something in all conversations": "在所有对话中记住一件事",
    "forget it again": "再忘记它",
    "what is remembered, and whether it is used": "记住了什么，以及是否使用",
    "[NUMBER|WORDS]": "[编号|词]",
    "NUMBER|ID": "编号|ID",
    "TEXT": "文字",
    "TEXT…": "文字…",
    # what is said
    "number": "编号",
    "memory": "记忆",
    "written": "写于",
    "conversations are given them": "对话会使用这些记忆",
    "memories are off: `fireside memories on`, or /memories on in the chat": (
        "记忆已关闭：`fireside memories on`，或在对话中输入 /memories on"
    ),
    "remembered: {words}": "已记住：{words}",
    "forgotten: {words}": "已忘记：{words}",
    "Forget “{words}”?": "忘记“{words}”吗？",
    "there is nothing to remember": "没有要记住的内容",
    "nothing is remembered yet: /remember TEXT": "还没有记住任何内容：/remember 文字",
    "/forget NUMBER forgets one": "/forget 编号 可忘记一条",
    "`fireside memories` lists them": "`fireside memories` 可列出它们",
    "{name} may mean {count} memories": "{name} 可能指 {count} 条记忆",
    "there is no memory {name}": "没有记忆 {name}",
}
