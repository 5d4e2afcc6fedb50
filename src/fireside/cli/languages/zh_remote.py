"""简体中文: the sentences about models elsewhere."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "elsewhere ({server})": "在别处运行（{server}）",
    "can't be reached": "无法连接",
    "can't be used": "无法使用",
    "place": "位置",
    "this machine": "本机",
    "problem": "问题",
}
