"""简体中文: the sentences about finding models."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Find models that could be fetched.": "查找可下载的模型。",
    "[WORDS…]": "[词…]",
    "Leave out what doesn't run on this machine.": "略去无法在本机运行的模型。",
    "How many at most.": "最多显示多少个。",
    "`fireside models search` shows good ones to fetch": "`fireside models search` 列出值得下载的模型",
    "good models that are known without the network:": "无需联网即可得知的好模型：",
    "nothing was found; try fewer words, or leave out --fits": "没有找到；请减少词语，或去掉 --fits",
    "`fireside models pull REF` fetches one": "`fireside models pull REF` 下载其中一个",
    "`fireside models search german instruct` searches the hub": (
        "`fireside models search 中文 instruct` 在模型库中搜索"
    ),
    "licence: {licence}": "许可证：{licence}",
    "here: {here}": "在本机：{here}",
    "recommended for this machine": "推荐用于本机",
    "is here": "已在本机",
    "instruct": "指令模型",
    "base: goes on with a text": "基座模型：续写文本",
    "for code": "用于编程",
    "sees pictures": "能看图片",
    "{count} more": "另有 {count} 种",
    "languages unknown": "语言不明",
    "size unknown": "大小不明",
    "about {size}": "约 {size}",
    "can't be run: {why}": "无法运行：{why}",
    "its makers must let you have it: accept its terms at the hub and set HF_TOKEN": (
        "需作者许可：请在模型库接受其条款并设置 HF_TOKEN"
    ),
}
