"""简体中文: the sentences about measuring a model."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Tell how fast a model answers on this machine.": "测出模型在这台电脑上回答得多快。",
    "[MODEL]": "[模型]",
    "what": "项目",
    "median": "中位数",
    "least to most": "最小到最大",
    "on the graphics processor": "使用显卡",
    "threads: {writing} write, {reading} read": "线程：{writing} 个写，{reading} 个读",
    "{count:,} tokens in each of {slots} conversations": "{slots} 个对话，各 {count:,} 个词元",
    "tuned": "已调优",
    "the engine that came with Fireside": "Fireside 自带的引擎",
    "the engine that was built here": "本机构建的引擎",
    "your own llama-server": "你自己的 llama-server",
    "first word, to a short question": "第一个词：短问题",
    "… to a question of a hundred words": "…… 一百个词的问题",
    "… to a new text of {count:,} tokens": "…… {count:,} 个词元的新文章",
    "… to the next question about it": "…… 关于它的下一个问题",
    "reading, tokens a second": "读取，每秒词元",
    "writing, words a second": "书写，每秒英文单词",
    "… behind {count:,} tokens": "…… 在 {count:,} 个词元之后",
    "… {count} replies at once, together": "…… 同时 {count} 个回答，合计",
    "loading it": "加载用时",
    "memory that it takes": "占用内存",
    "`fireside tune --build` makes an engine for this processor, which is often much faster": (
        "`fireside tune --build` 为这台处理器编译引擎，往往快得多"
    ),
    "`fireside tune` finds how this model runs best in it": (
        "`fireside tune` 会找出这个模型在其中的最佳运行方式"
    ),
    "It reads a page of text in {time}.": "它读一页文字需要 {time}。",
    "It reads a page of text in {time} and writes {words} words a second, "
    "about {times} times as fast as people read.": (
        "它读一页文字需要 {time}，每秒写 {words} 个英文单词，大约是人阅读速度的 {times} 倍。"
    ),
    "`fireside models fit` said: {words} words a second, a first word to a hundred words after {time}.": (
        "`fireside models fit` 的预测：每秒 {words} 个单词，一百个词的问题 {time} 后出现第一个词。"
    ),
}
