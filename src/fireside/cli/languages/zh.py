"""简体中文."""

from __future__ import annotations

from fireside.cli.languages.zh_bench import TEXTS as BENCH
from fireside.cli.languages.zh_chat import TEXTS as CHAT
from fireside.cli.languages.zh_convert import TEXTS as CONVERT
from fireside.cli.languages.zh_doctor import TEXTS as DOCTOR
from fireside.cli.languages.zh_fit import TEXTS as FIT
from fireside.cli.languages.zh_hub import TEXTS as HUB
from fireside.cli.languages.zh_making import TEXTS as MAKING
from fireside.cli.languages.zh_memory import TEXTS as MEMORY
from fireside.cli.languages.zh_models import TEXTS as MODELS
from fireside.cli.languages.zh_remote import TEXTS as REMOTE
from fireside.cli.languages.zh_search import TEXTS as SEARCH
from fireside.cli.languages.zh_threads import TEXTS as THREADS
from fireside.cli.languages.zh_trust import TEXTS as TRUST
from fireside.cli.languages.zh_tune import TEXTS as TUNE
from fireside.cli.languages.zh_warmth import TEXTS as WARMTH

COMMANDS: dict[str, str] = {
    "Ask one question and print the reply.": "提一个问题，输出回答。",
    "flags for `{command}` come behind it": "`{command}` 的选项要写在它后面",
    "Open the page in a browser.": "在浏览器中打开页面。",
    "Run the server until it is stopped.": "运行服务器，直到被停止。",
    "Show address, model, memory and where the data lies.": "显示地址、模型、内存和数据位置。",
    "Stop the server, once running replies have ended.": "等正在写的回答结束后停止服务器。",
    "Write everything that was said into one file.": "把全部对话写入一个文件。",
    "Put a backup in the place of the conversations.": "用备份替换现有对话。",
    "Print the version.": "显示版本。",
    "End the reply before this text; \\n and \\t are understood; may be repeated.": (
        "在这段文字之前结束回答；可用 \\n 和 \\t；可重复。"
    ),
    "The model, e.g. file:/models/x.gguf.": "模型，例如 file:/models/x.gguf。",
    "A persona; `fireside personas` lists them.": "角色；`fireside personas` 列出全部。",
    "What the model is told about itself.": "告诉模型它是谁。",
    "The model's own template, or `Alice: … Bob: …`.": "模型自己的模板，或 `Alice: … Bob: …`。",
    "Your name.": "你的名字。",
    "The model's name.": "模型的名字。",
    "0 always takes the likeliest token.": "0 总是取最可能的词元。",
    "Choose among this many likeliest tokens.": "在这么多个最可能的词元中选择。",
    "… that together have this probability.": "…… 其概率之和达到此值。",
    "… that have this share of the likeliest's.": "…… 其概率不低于最可能者的这一比例。",
    "The longest reply, in tokens.": "回答的最大长度（词元）。",
    "The same seed gives the same reply.": "相同的种子给出相同的回答。",
    "Go on with the last conversation.": "继续上一个对话。",
    "Go on with this one: its id, a part of it, or its title.": "继续这个对话：编号、编号的一部分或标题。",
    "Keep nothing of this chat.": "不保留这次对话。",
    "choose one of --continue, --conversation and --temporary": (
        "--continue、--conversation 和 --temporary 只能选一个"
    ),
    "Print JSON.": "输出 JSON。",
    "Answer every question with yes.": "对所有询问回答“是”。",
    "fetching {model}": "正在下载 {model}",
    "choose another place": "请换一个位置",
    "there is no conversation to go on with": "没有可以继续的对话",
    "no conversation is named": "没有指明对话",
    "no conversation is called {name}": "没有名为 {name} 的对话",
    "{name} may mean {count} conversations": "{name} 可能指 {count} 个对话",
    "begin one without --continue": "去掉 --continue 开始一个新对话",
    "`fireside chats` lists them": "`fireside chats` 列出全部对话",
    "name one of them by its id:": "请用编号指明其中一个：",
    "List, show, create, edit and remove personas.": "列出、查看、新建、编辑、删除角色。",
    "List the personas there are.": "列出现有角色。",
    "Print a persona as TOML.": "以 TOML 输出一个角色。",
    "Create a persona from a text, from TOML on standard input, or in your editor.": (
        "用一段文字、标准输入的 TOML 或编辑器新建角色。"
    ),
    "Edit a persona in $EDITOR; of one that comes with the program you get a copy of your own.": (
        "用 $EDITOR 编辑角色；自带的角色会得到你自己的副本。"
    ),
    "Remove the persona {name}?": "删除角色 {name}？",
    "removed {name}": "已删除 {name}",
    "Remove a persona of yours.": "删除你自己的角色。",
    "saved {name}": "已保存 {name}",
    "name": "名称",
    "description": "说明",
    "{name} can't be a persona's name": "{name} 不能作为角色名",
    "there is a persona called {name} already": "已有名为 {name} 的角色",
    "nothing was changed": "没有任何改动",
    "yours": "你的",
    "letters, digits, spaces, dots, hyphens and underscores, 60 at most": (
        "字母、数字、空格、点、连字符和下划线，最多 60 个"
    ),
    "`fireside personas edit {name}` changes it, --yes replaces it": (
        "`fireside personas edit {name}` 修改它，--yes 替换它"
    ),
    "You are …": "你是……",
    "starting the server": "正在启动服务器",
    "nobody is there to be asked: {question}": "无人可以询问：{question}",
    "{count} conversations": "{count} 个对话",
    "{count} messages": "{count} 条消息",
    "List, search, export, import and delete chats.": "列出、搜索、导出、导入、删除对话。",
    "id": "编号",
    "title": "标题",
    "messages": "消息",
    "last used": "最近使用",
    "List conversations, the newest first.": "列出对话，最新的在前。",
    "Search everything that was said.": "搜索全部对话内容。",
    "Show what was said on the branch that is open.": "显示当前分支的内容。",
    "system": "系统",
    "Write one conversation, or all of them, as JSON or Markdown.": "把一个或全部对话写成 JSON 或 Markdown。",
    "imported {conversations} with {messages}": "已导入 {conversations}，共 {messages}",
    "the server broke off": "服务器中断了",
    "Move conversations to the trash, from where `restore` brings them back.": (
        "把对话移到回收站，可用 `restore` 取回。"
    ),
    "Bring conversations back from the trash.": "从回收站取回对话。",
    "you": "你",
    "(waits)": "（等待中）",
    "(is being written)": "（正在写）",
    "(stopped)": "（已停止）",
    "(interrupted)": "（已中断）",
    "(failed)": "（失败）",
    "model": "模型",
    "all conversations are exported as JSON; name one for Markdown": (
        "全部对话以 JSON 导出；要 Markdown 请指明一个"
    ),
    "{count} were there already": "{count} 个原已存在",
    "skipped: {reason}": "已跳过：{reason}",
    "do it again: nothing is imported twice": "再做一次即可：不会重复导入",
    "Delete {names} for good?": "永久删除 {names}？",
    "restored {title}": "已取回 {title}",
    "deleted {id} for good": "已永久删除 {id}",
    "moved to the trash; `fireside chats restore {id}` brings it back": (
        "已移到回收站；`fireside chats restore {id}` 取回它"
    ),
    "What lies in the trash.": "回收站中的对话。",
    "Instead of standard output.": "代替标准输出。",
    "From the trash, for good.": "从回收站永久删除。",
    "the text is not UTF-8 at byte {place}": "文本在第 {place} 字节处不是 UTF-8",
    "Edit it again? [Y/n] ": "再编辑一次？[Y/n] ",
    "the editor {editor} failed: {reason}": "编辑器 {editor} 出错：{reason}",
    "set EDITOR to an editor; your text is in {path}": "请把 EDITOR 设为一个编辑器；你的文本在 {path}",
    "your text is in {path}": "你的文本在 {path}",
    "List, show, fetch and remove models.": "列出、查看、下载、删除模型。",
    "size": "大小",
    "licence": "许可证",
    "state": "状态",
    "List the models that are here, and the default one.": "列出已有的模型和默认模型。",
    "has a chat template": "有对话模板",
    "has no chat template": "没有对话模板",
    "Show what is known about a model.": "显示模型的已知信息。",
    "{model} is here ({size})": "{model} 已就绪（{size}）",
    "Fetch a model; what a broken download has fetched is used again.": "下载模型；中断的下载会接着进行。",
    "Remove {model}?": "删除 {model}？",
    "removed {model}": "已删除 {model}",
    "Remove a fetched model.": "删除下载的模型。",
    "Remove a fetched model; files outside of Fireside's own folder are never touched.": (
        "删除下载的模型；不会动 Fireside 文件夹以外的文件。"
    ),
    "default": "默认",
    "loaded": "已加载",
    "not fetched yet": "尚未下载",
    "makes embeddings": "用于生成向量",
    "ranks texts": "用于文本排序",
    "do it again: it goes on where it was": "再做一次：会从中断处继续",
    "origin": "来源",
    "parameters": "参数量",
    "architecture": "架构",
    "quantization": "量化",
    "context": "上下文",
    "languages": "语言",
    "format": "格式",
    "file": "文件",
    "unknown": "未知",
    "started by a command": "由命令启动",
    "started by `fireside serve`": "由 `fireside serve` 启动",
    "context {count:,} tokens": "上下文 {count:,} 个词元",
    "stopped the server at {address}": "已停止 {address} 的服务器",
    "wrote {file} ({size})": "已写入 {file}（{size}）",
    "Replace all conversations by those of {file}?": "用 {file} 中的对话替换全部对话？",
    "restored {conversations} from {file}": "已从 {file} 恢复 {conversations}",
    "what was there before is kept at {path}": "原来的数据保存在 {path}",
    "no server is running for {folder}": "{folder} 没有正在运行的服务器",
    "{count} in the trash": "回收站中 {count} 个",
    "{size} for models": "模型占 {size}",
    "`fireside serve` starts one, and so does every command that needs it": (
        "`fireside serve` 会启动它，需要它的命令也会"
    ),
    "address": "地址",
    "server": "服务器",
    "up for": "已运行",
    "memory": "内存",
    "kept": "保存",
    "folder": "文件夹",
    "database": "数据库",
    "running": "正在进行",
    "{count} replies": "{count} 个回答",
    "process {pid}": "进程 {pid}",
    "The address to listen on.": "监听的地址。",
    "0 takes any free port.": "0 表示任一空闲端口。",
    "a message may have {count:,} bytes at most": "一条消息最多 {count:,} 字节",
    "nothing was asked": "没有提问",
    "the arguments are not UTF-8": "参数不是 UTF-8",
    "send a part of it": "请只发送一部分",
    "standard input is not UTF-8 at byte {place}": "标准输入在第 {place} 字节处不是 UTF-8",
    "for example: fireside ask 'Why is the sky blue?'": "例如：fireside ask '天空为什么是蓝的？'",
    "use a UTF-8 terminal": "请使用 UTF-8 终端",
    "convert it first, for example with `iconv -f latin1 -t utf-8`; nothing was sent": (
        "请先转换，例如用 `iconv -f gbk -t utf-8`；什么都没有发送"
    ),
    "How many.": "多少个。",
    "Import what Fireside, ChatGPT or Claude exported; twice changes nothing.": (
        "导入 Fireside、ChatGPT 或 Claude 的导出；重复导入不会有任何变化。"
    ),
    "Talk with a language model that runs on your own machine. Without a command, the chat begins.": (
        "与运行在你自己机器上的语言模型对话。不带命令则开始聊天。"
    ),
    "Ask one question and print the reply; standard input is added to it.": (
        "提一个问题并输出回答；标准输入会附在问题后面。"
    ),
    "Make, list and remove the keys that let others in.": "创建、列出和删除让别人进来的密钥。",
    "List the keys: what they may do and when they were last used.": "列出密钥：各有什么权限，上次何时使用。",
    "Make a key and print it, this once.": "创建一个密钥并显示，仅此一次。",
    "What it may do: chat (if nothing is named), models, admin; may be repeated.": (
        "它的权限：chat（不指定时）、models、admin；可以重复。"
    ),
    "Keep it: it can't be shown again. From now on every other program needs a key too.": (
        "请保存好：它不会再次显示。从现在起，其他程序也都需要密钥。"
    ),
    "Whether the model thinks before it answers, where it can.": "模型在回答前是否先思考（如果它支持）。",
    "it asks for a key, since there are some: `fireside keys pair` shows a way in without one": (
        "已有密钥，所以它会要求密钥：`fireside keys pair` 可以显示免密钥登录的方法"
    ),
    "no browser opens from here: enter this address in one": "这里打不开浏览器：请在浏览器中输入这个地址",
    "Show a QR code that signs a device in, once.": "显示一个让设备登录的二维码，只能用一次。",
    "Within {minutes} minutes this signs one device in; `fireside keys pair` shows another:": (
        "{minutes} 分钟内，它可以让一台设备登录；`fireside keys pair` 会显示新的："
    ),
    "Remove a key; the devices that were signed in with it are signed out.": (
        "删除一个密钥；用它登录的设备会被登出。"
    ),
    "Remove the key {name}?": "删除密钥 {name}？",
    "never": "从未",
    "scopes": "权限",
    "made": "创建于",
    "Let other devices in, by a key; one is made if there is none.": (
        "让其他设备凭密钥进来；没有密钥时创建一个。"
    ),
    "choose one of --lan and --host": "--lan 和 --host 只能选一个",
    "Fireside is at {address} (Ctrl-C stops it)": "Fireside 在 {address}（Ctrl-C 停止）",
    "key: {key}": "密钥：{key}",
    "Other devices need a key: `fireside keys new NAME` makes one.": (
        "其他设备需要密钥：`fireside keys new 名称` 可以创建。"
    ),
    "open at": "对外地址",
    "Commands": "命令",
    "error: {message}": "错误：{message}",
    "hint: {hint}": "提示：{hint}",
}
TEXTS = (
    BENCH
    | CHAT
    | CONVERT
    | DOCTOR
    | FIT
    | HUB
    | MAKING
    | MEMORY
    | MODELS
    | REMOTE
    | SEARCH
    | THREADS
    | TRUST
    | TUNE
    | WARMTH
    | COMMANDS
)

ERRORS: dict[str, str] = {
    "address_in_use": "地址已被占用",
    "address_refused": "不能使用这个地址",
    "already_running": "服务器已在运行",
    "answer_invalid": "模型的回答不符合要求的格式",
    "bad_import": "无法读取导入文件",
    "bad_reference": "模型引用的写法不对",
    "config_error": "配置有错误",
    "conflict": "现在不能这样做",
    "context_length_exceeded": "内容超出模型的上下文长度",
    "conversation_not_found": "找不到对话",
    "disk_full": "磁盘已满",
    "download_failed": "下载失败",
    "empty_message": "消息是空的",
    "engine_crashed": "引擎意外退出",
    "engine_error": "引擎出错",
    "engine_out_of_memory": "引擎内存不足",
    "engine_unavailable": "引擎无法启动",
    "forbidden": "没有权限",
    "internal_error": "内部错误",
    "invalid_api_key": "密钥不对或缺少密钥",
    "invalid_request": "请求有误",
    "key_not_found": "找不到密钥",
    "memory_not_found": "找不到这条记忆",
    "message_not_found": "找不到消息",
    "not_trusted": "模型自带的代码未获许可",
    "model_damaged": "模型文件已损坏",
    "model_not_found": "找不到模型",
    "no_chat": "这个模型不能对话",
    "no_template": "模型没有对话模板",
    "no_vision": "这个模型看不了图片",
    "bad_picture": "这张图片无法显示给模型",
    "no_embeddings": "这个模型不能生成向量",
    "not_enough_memory": "内存不足，无法加载模型",
    "not_found": "找不到",
    "persona_not_found": "找不到角色",
    "remote_refused": "远程服务器拒绝了请求",
    "remote_unavailable": "无法连接远程服务器",
    "search_failed": "无法搜索模型",
    "server_unavailable": "无法连接服务器",
    "session_not_found": "找不到登录会话",
    "store_busy": "数据库正忙",
    "store_damaged": "数据库已损坏",
    "store_error": "数据库出错",
    "store_too_new": "数据库由更新的版本写成",
    "too_busy": "服务器正忙，请稍后再试",
    "too_large": "内容太大",
    "too_many_tries": "尝试次数太多",
}
