"""简体中文: the sentences about building the engine."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Find how a model runs best on this very machine.": "找出模型在这台机器上最快的运行方式。",
    "Build the engine (anew), or don't ask.": "构建（或重新构建）引擎，或者不询问。",
    "Go back to what came with Fireside; delete what was made.": "改回原来的方式，并删除生成的内容。",
    "the prebuilt engine is used as usual from the next load of a model on": (
        "从下次加载模型起照常使用预构建的引擎"
    ),
    "there was nothing to delete": "没有可删除的内容",
    "{model} runs as usual from its next load on": "从下次加载起，{model} 按平常方式运行",
    "--dry-run writes nothing, and so builds nothing: leave out --build": (
        "--dry-run 不写入任何内容，因此也不构建：请去掉 --build"
    ),
    "the engine was built from another source than this version of Fireside has; "
    "`fireside tune --build` builds it anew": (
        "引擎是用与此版 Fireside 不同的源代码编译的；`fireside tune --build` 可重新编译"
    ),
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
    "Measure and show, and write nothing.": "只测量并显示，不写入任何内容。",
    "How long the measuring may take.": "测量最多用多少秒。",
    "the engine that came with Fireside is tuned; `fireside tune --build` builds one": (
        "调校随 Fireside 提供的引擎；`fireside tune --build` 可构建本机引擎"
    ),
    "looking how fast the model is now": "正在测量模型目前的速度",
    "the measuring broke off": "测量中断了",
    "do it again": "请再做一次",
    "{bar} trying {name} · {time} left at most": "{bar} 正在尝试：{name} · 最多还要 {time}",
    "tried": "尝试",
    "value": "取值",
    "faster": "倍数",
    "taken": "采用",
    "tokens in a second": "每秒词元数",
    "before": "之前",
    "after": "之后",
    "times": "倍",
    "measured with {model} on {engine}": "用 {model} 在 {engine} 上测得",
    "others keep this machine busy: threads were left alone; measure again when it is quiet": (
        "其他程序正占用这台机器：线程未作调整，请在空闲时再测一次"
    ),
    "the model takes about {size} of memory with it": "这样模型约占 {size} 内存",
    "nothing was written": "没有写入任何内容",
    "used from the next load of the model on; `fireside tune --reset` goes back": (
        "从下次加载该模型起使用；`fireside tune --reset` 可改回"
    ),
    "threads that read": "读取用的线程",
    "threads that write": "写作用的线程",
    "how threads wait": "线程如何等待",
    "tokens read at once": "一次读取的词元",
    "flash attention": "flash attention",
    "a smaller cache": "更小的缓存",
    "drafts of what is likely": "预先起草可能的内容",
    "conversations at once": "同时进行的对话",
    "everything together": "全部一起",
    "on": "开",
    "asleep": "休眠",
    "awake": "忙等",
    "from the text before": "取自前文",
    "reading a long text": "读取长文",
    "a turn later in a conversation": "对话后期的一轮",
    "chatting": "聊天",
    "editing a text": "改写文字",
    "summarising a text": "概括文字",
    "eight people at once, together": "八人同时使用的总和",
    "doesn't run": "无法运行",
    "(loss {loss:.2%})": "（损失 {loss:.2%}）",
}
