"""简体中文: models that bring code."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Look at the code that a model brings, and let it run or not.": "查看模型自带的代码，决定是否允许运行。",
    "List the models that may run code of their own.": "列出可以运行自带代码的模型。",
    "Take it back: the model's code runs no more.": "收回许可：模型的代码不再运行。",
    "brings code of its own, not trusted": "自带代码，未获信任",
    "which model?": "哪个模型？",
    "no model may run code of its own": "没有模型可以运行自带的代码",
    "{model} may run no code of its own any more": "{model} 不再可以运行自带的代码",
    "{model} brings no code that would run": "{model} 没有会运行的自带代码",
    "its code was allowed already, and is unchanged": "它的代码此前已获许可，且没有变化",
    "Let this code run on your computer, with all that you may do?": (
        "允许这些代码在您的电脑上以您的全部权限运行吗？"
    ),
    "{model} may run this code, as long as it doesn't change": "{model} 可以运行这些代码，只要代码不变",
    "used as": "用作",
    "code": "代码",
}
