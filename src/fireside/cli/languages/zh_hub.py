"""简体中文: models from the hub and the web, and models without a template."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "its terms: {terms}": "使用条款：{terms}",
    "Fetch it under these terms?": "接受这些条款并下载吗？",
    "Fetch it all the same?": "仍要下载吗？",
    (
        "the Hugging Face cache has a copy of it already, which can be used where it lies: "
        "fireside models import {reference}"
    ): "Hugging Face 缓存中已有它的副本，可以直接使用：fireside models import {reference}",
    "size unknown": "大小未知",
    "revision": "版本",
    "terms": "条款",
    "this model has no chat template: it goes on with a transcript · an instruct model chats better": (
        "此模型没有对话模板：按对话记录续写 · 指令模型更适合聊天"
    ),
}
