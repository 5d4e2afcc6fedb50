"""简体中文: the sentences about models in other formats."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Make a smaller or faster model of one, and compare the two.": "把模型转换成更小或更快的，并作比较。",
    "FORMAT": "格式",
    "Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q4_K_S, Q4_0 or Q3_K_M; may be repeated.": (
        "Q8_0、Q6_K、Q5_K_M、Q4_K_M、Q4_K_S、Q4_0 或 Q3_K_M；可重复。"
    ),
    "What the new model is called: converted:NAME.": "新模型的名字：converted:NAME。",
    "Only tell what would be made.": "只说明会得到什么。",
    "Compare it with the original, also where that was done before; or don't.": (
        "与原模型比较（以前比较过也再做一次），或不比较。"
    ),
    "--name goes with one --to": "--name 只能配一个 --to",
    "note: {notice}": "注意：{notice}",
    "Convert it?": "要转换吗？",
    "there is no format {kind} to convert to": "没有可转换的格式 {kind}",
    "nearly nothing is lost": "几乎没有损失",
    "hardly anything is lost": "损失极小",
    "little is lost": "损失很小",
    "the usual balance of size and quality": "大小与质量的常用折中",
    "a little smaller than Q4_K_M, and a little worse": "比 Q4_K_M 略小，也略差",
    "small, and fast at reading": "小，阅读快",
    "smaller still, and the loss shows": "更小，但损失可见",
    "do it again": "请重试",
    "is here": "已在这里",
    "of the original": "占原模型",
    "what it is": "说明",
    "memory taken": "占用内存",
    "reads": "阅读",
    "writes": "写作",
    "reading": "阅读",
    "writing": "写作",
    "perplexity": "困惑度",
    "{count} tokens/s": "每秒 {count} 个词元",
    "talk with it: fireside --model {model}": "与它对话：fireside --model {model}",
    "{size} smaller": "小 {size}",
    "{size} larger": "大 {size}",
    "as good as the original": "与原模型一样好",
    "hardly worse than the original": "几乎不比原模型差",
    "a little worse than the original": "比原模型略差",
    "clearly worse than the original": "明显比原模型差",
    "{does} about as fast": "{does}差不多一样快",
    "{does} {times:.1f} times as fast": "{does}速度是原来的 {times:.1f} 倍",
    "{doing} takes {times:.1f} times as long": "{doing}用时是原来的 {times:.1f} 倍",
    "converted from": "转换自",
    "beside the original": "与原模型相比",
    "{words}; its perplexity is {loss}": "{words}；困惑度 {loss}",
    "converting the model: {amount}": "正在转换模型：{amount}",
    "comparing it with the original: {share:.0%}": "正在与原模型比较：{share:.0%}",
}
