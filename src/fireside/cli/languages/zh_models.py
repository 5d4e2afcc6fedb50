"""简体中文: the sentences about what models are and what other programs keep."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # a model's card
    "revision": "版本",
    "terms": "条款",
    "made for": "用途",
    "following instructions": "按指令回答",
    "going on with a text": "续写文本",
    "pictures": "图片",
    "functions": "函数调用",
    "thinks first": "先思考",
    "if you wish": "可选",
    "ranking texts": "文本排序",
    "embeddings": "生成向量",
    "embeddings of {count} numbers": "生成向量，每个 {count} 个数",
    "tokenizer": "分词器",
    "runs on": "运行于",
    "llama.cpp, which comes with Fireside": "llama.cpp（Fireside 自带）",
    "PyTorch with transformers": "PyTorch 和 transformers",
    "another server": "另一台服务器",
    "code": "代码",
    "it brings code of its own, which runs only once you trust it": "它自带代码，只有在您信任之后才会运行",
    "yes": "是",
    "no": "否",
    # what other programs keep
    "List or use what other programs keep here.": "列出或使用其他程序保存在这里的模型。",
    (
        "List the models that Ollama, LM Studio, Jan, GPT4All and the Hugging Face cache have here. "
        "With REF, list that one with your own models: nothing is copied."
    ): (
        "列出 Ollama、LM Studio、Jan、GPT4All 和 Hugging Face 缓存在这里的模型。"
        "给出 REF 时，把它列入您的模型：不复制任何文件。"
    ),
    "List REF no longer; its files stay as they are.": "不再列出 REF；文件保持原样。",
    "--forget needs the reference of a model": "--forget 需要一个模型引用",
    "your own file": "您自己的文件",
    "imported": "已导入",
    "can be used": "可以使用",
    "also as {references}": "另见 {references}",
    "no other program keeps models here": "没有其他程序在这里保存模型",
    "use one at once with --model, or list it with your models: fireside models import REF": (
        "可用 --model 直接使用，或列入您的模型：fireside models import REF"
    ),
    "{model} is listed with your models; it stays where it lies": "{model} 已列入您的模型；文件仍在原处",
    "{model} is listed no longer; its files are as they were": "{model} 不再列出；文件保持原样",
}
