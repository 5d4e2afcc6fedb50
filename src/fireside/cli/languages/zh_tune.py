"""简体中文: the sentences about building the engine."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Build the engine for this very processor, and use it if it is faster.": (
        "为这台机器的处理器构建引擎，更快时就使用它。"
    ),
    "Build it now, or anew.": "立即构建，或重新构建。",
    "Go back to the prebuilt engine and delete what was built.": "改回预构建的引擎，并删除构建的文件。",
    "the prebuilt engine is used from the next load on": "从下次加载起使用预构建的引擎",
    "there was nothing to delete": "没有可删除的内容",
    "Build the engine for this processor? It fetches llama.cpp's source (77 MB), compiles it at the "
    "lowest priority (5 to 20 minutes), takes 2 GB of room, and is used only if it is faster.": (
        "为这个处理器构建引擎？将下载 llama.cpp 源码（77 MB），以最低优先级编译（5 到 20 分钟），"
        "占用 2 GB 空间，只有更快时才会使用。"
    ),
    "the build broke off": "构建中断了",
    "fetching llama.cpp's source": "正在下载 llama.cpp 源码",
    "looking for a compiler, or fetching one": "正在查找或下载编译器",
    "compiling the engine": "正在编译引擎",
    "comparing it with the prebuilt engine": "正在与预构建的引擎比较",
    "reading what you write": "读取你写的内容",
    "writing replies": "写回答",
    "speed": "速度",
    "prebuilt": "预构建",
    "built here": "本机构建",
    "measured with {model}; {source}, compiled by {compiler}; "
    "how probable both find the same text differs by {drift:.2%}": (
        "用 {model} 测得；{source}，由 {compiler} 编译；两者对同一段文字的概率相差 {drift:.2%}"
    ),
    "the prebuilt engine is used: {reason}": "使用预构建的引擎：{reason}",
    "the built engine is used from the next load of a model on; `fireside tune --reset` goes back": (
        "从下次加载模型起使用本机构建的引擎；`fireside tune --reset` 可改回"
    ),
}
