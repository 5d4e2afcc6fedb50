"""简体中文: the sentences about threads."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "threads: {reply} for replies, {prompt} for prompts": "线程：回答用 {reply} 个，读取提示用 {prompt} 个",
    "your settings": "按您的设置",
    "measured here": "按本机测得",
    "slow cores left out": "不使用慢速核心",
    "a limit of the container or service": "容器或服务的限制",
    "other programs were busy": "当时其他程序繁忙",
    "shared with other models": "与其他模型共用",
    "on battery": "使用电池供电",
    # doctor
    "a model that is loaded now gets these threads: {reply} for replies, {prompt} for prompts": (
        "现在加载的模型会得到这些线程：回答用 {reply} 个，读取提示用 {prompt} 个"
    ),
    "other programs keep {count} of the cores busy": "其他程序占用了 {count} 个核心",
    "models are slower as long as they do": "在此期间模型会变慢",
}
