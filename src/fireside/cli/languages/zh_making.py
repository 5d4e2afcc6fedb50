"""简体中文: the sentences about several models."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Give a model a name, and change what is different about it.": "给模型取名，并改变它的设置。",
    "A LoRA adapter that is added to its weights; may be repeated.": "加到权重上的 LoRA 适配器；可重复。",
    "A file (mmproj….gguf) with which it sees pictures.": "让模型看懂图片的文件（mmproj….gguf）。",
    "Tokens per conversation.": "每个对话的词元数。",
    "How long it stays loaded unused: 90, 5m, 2h, -1.": "不用时保持加载多久：90、5m、2h、-1。",
    "{name} stands for {model}: fireside --model {name}": "{name} 代表 {model}：fireside --model {name}",
    "Load a model before it is needed.": "在需要之前加载模型。",
    "{model} is loaded": "{model} 已加载",
    "Unload a model; replies that it writes now are finished first.": "卸载模型；正在写的回答会先写完。",
    "{model} is unloaded once its {count} replies are finished": "{model} 写完 {count} 个回答后卸载",
    "{model} is unloaded": "{model} 已卸载",
    "{wrong}: write FILE or FILE@0.5": "{wrong}：请写 FILE 或 FILE@0.5",
    "{wrong} is no time: write 90, 5m, 2h or -1": "{wrong} 不是时间：请写 90、5m、2h 或 -1",
    "A text file or a picture that goes with the question; may be repeated.": (
        "随问题一起发送的文本文件或图片；可重复。"
    ),
    "stands for {model}": "代表 {model}",
    "stands for": "代表",
    "adapters": "适配器",
    "stays loaded": "一直加载",
    "loaded, leaves after {minutes} min": "已加载，{minutes} 分钟后卸载",
}
