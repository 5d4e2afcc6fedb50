"""简体中文: the sentences about what fits."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # what fits
    "Tell which models run on this machine, and how fast.": "查看哪些模型能在这台电脑上运行，有多快。",
    "How much of a conversation the model should have before it.": "模型应能看到的对话长度。",
    "TOKENS": "词元数",
    "[REF]…": "[模型]…",
    "on this machine": "在这台电脑上",
    "on this machine: {fit}": "在这台电脑上：{fit}",
    "how that is known": "依据",
    "it has run here": "在这里运行过",
    "predicted from this machine's speed": "根据这台电脑的速度预测",
    "{fit} (a guess: `fireside models fit` measures this machine)": (
        "{fit}（粗略估计：`fireside models fit` 可测量这台电脑）"
    ),
    "a guess: nothing was measured yet": "粗略估计：尚未测量",
    "this machine was not measured: {reason}": "没有测量这台电脑：{reason}",
    "other programs kept this machine busy while it was measured: it can be faster": (
        "测量时其他程序占用了这台电脑：实际可能更快"
    ),
    "measuring this machine: {share:.0%}": "正在测量这台电脑：{share:.0%}",
    "the first word of an answer to about a hundred words; a word is English, of 1.3 tokens": (
        "第一个词的时间按约一百个词的问题计算；词指英文单词，约 1.3 个词元"
    ),
    "does not fit: {memory}": "装不下：{memory}",
    "answers start in {time}, {words} words/s": "{time} 后开始回答，每秒 {words} 个词",
    "{share:.0%} on the graphics processor": "{share:.0%} 由显卡计算",
    "{needs} of {available} GB": "需要 {needs} GB，可用 {available} GB",
}
