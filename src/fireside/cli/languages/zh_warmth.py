"""简体中文: warm or cold."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "next reply": "下次回答",
    "warm": "就绪",
    "saved": "已存盘",
    "cold": "需重读",
    "the model still has {cached} of {tokens} tokens in mind": "模型仍记着 {tokens} 个词元中的 {cached} 个",
    "{cached} of {tokens} tokens are saved on disk": "{tokens} 个词元中有 {cached} 个已存盘",
    "all {tokens} tokens are to be read anew": "全部 {tokens} 个词元都要重新读取",
    "the next reply begins after {wait}": "下一个回答约在 {wait} 后开始",
}
