"""简体中文: what the doctor says."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Look at everything that Fireside needs, and mend it.": "检查 Fireside 所需的一切，并修复问题。",
    "Read all of every model file and compare its SHA-256; takes long.": (
        "完整读取每个模型文件并核对 SHA-256；需要较长时间。"
    ),
    "Ask those whom a download would ask whether they answer.": "询问下载时会访问的服务器是否有回应。",
    "Mend what can be mended, each after a question.": "修复能修复的问题，每项先询问。",
    "--fix would: {mend}": "--fix 会：{mend}",
    "everything that was looked at is well": "检查过的一切都正常",
    "what is left needs you; nothing of a running server's is mended: `fireside stop` ends it": (
        "余下的需要您自己处理；服务器运行时，不会修复它使用的东西：用 `fireside stop` 结束它"
    ),
    "`fireside doctor --fix` mends what it can, each after a question": (
        "`fireside doctor --fix` 可修复能修复的问题，每项先询问"
    ),
    "the check of “{about}” failed itself: {error}": "检查“{about}”时自身出错：{error}",
    "please report this; the other checks went on": "请报告这个问题；其他检查照常进行",
    # what is looked at
    "this computer": "这台电脑",
    "engine": "引擎",
    "program": "程序",
    "settings": "设置",
    "files": "文件",
    "chats": "对话",
    "models": "模型",
    "network": "网络",
    # this computer
    "{cores} processor cores: {name}": "{cores} 个处理器核心：{name}",
    "the processor is too old for the engine: it has no AVX2": "处理器太旧，引擎无法使用：没有 AVX2",
    "the engine ends as soon as it computes; let another computer run the models": (
        "引擎一计算就会退出；请让另一台电脑运行模型"
    ),
    "this system doesn't tell how much memory is free": "系统没有告知空闲内存的大小",
    "{size} of memory can be had": "可用内存 {size}",
    "close other programs: an answer needs at least the model's own size": (
        "请关闭其他程序：回答问题至少需要与模型大小相当的内存"
    ),
    "a container or service limits the memory to what is left of its own share": (
        "容器或服务限制了内存，只能使用其份额中剩余的部分"
    ),
    "raise its limit (docker run --memory, MemoryMax) if models don't fit": (
        "如果模型装不下，请提高限制（docker run --memory、MemoryMax）"
    ),
    "{size} are swapped out: everything is slow until they come back": (
        "{size} 已被换出到磁盘：换回之前一切都会很慢"
    ),
    "close other programs, or choose a smaller model": "请关闭其他程序，或选择较小的模型",
    "there is a graphics processor ({brand}), but its driver doesn't answer": (
        "有显卡（{brand}），但驱动程序没有回应"
    ),
    "install its maker's driver, then restart the computer": "请安装厂商的驱动程序，然后重新启动电脑",
    "a graphics processor ({brand}) with {size}": "显卡（{brand}），显存 {size}",
    "{size} of disk are free at {folder}": "{folder} 所在磁盘剩余 {size}",
    "make room: a full disk loses what is said next": "请腾出空间：磁盘满了就存不下之后的对话",
    # program
    "libraries are missing: {names}": "缺少程序库：{names}",
    "install Fireside anew: pip install --force-reinstall fireside": (
        "请重新安装：pip install --force-reinstall fireside"
    ),
    "Fireside {version}, Python {python}, SQLite {sqlite}": (
        "Fireside {version}，Python {python}，SQLite {sqlite}"
    ),
    "the extra part “{extra}” is installed": "附加部分“{extra}”已安装",
    "the extra part “{extra}” is not installed": "附加部分“{extra}”未安装",
    # settings and files
    "the settings in {path} are sound": "{path} 中的设置正确",
    "there are no settings of your own: the usual ones hold": "没有自己的设置：使用默认设置",
    "nothing is kept at {path} yet": "{path} 还没有保存任何内容",
    "the folder {path} can't be written": "文件夹 {path} 不能写入",
    "make it yours (chown), or move everything with FIRESIDE_HOME": (
        "请取得它的所有权（chown），或用 FIRESIDE_HOME 移到别处"
    ),
    "other people of this computer can read what is yours: {names}": "这台电脑的其他用户能读取您的：{names}",
    "let nobody but you read them: {names}": "只允许您自己读取：{names}",
    "only you can read them now": "现在只有您能读取",
    "nobody but you can read your chats and keys": "只有您能读取您的对话和密钥",
    "a server that ended without saying so left {path} behind": "意外结束的服务器留下了 {path}",
    "remove {path}": "删除 {path}",
    "removed it": "已删除",
    # chats
    "there are no chats yet": "还没有对话",
    "the chats are whole: {count}, in {size}": "对话完好：{count} 个，共 {size}",
    "put the backup of {day} in its place ({path})": "用 {day} 的备份代替（{path}）",
    "the chats are back: {count}; the damaged file is kept at {path}": (
        "已恢复 {count} 个对话；损坏的文件保留在 {path}"
    ),
    "the log of the database has {size}": "数据库的日志有 {size}",
    "it is emptied when the server starts and ends the next time": "服务器下次启动并结束时会清空",
    "the disk has no room for a backup of the chats": "磁盘没有空间备份对话",
    "make room, or write the backup elsewhere: fireside backup /media/stick/chats.db": (
        "请腾出空间，或把备份写到别处：fireside backup /media/stick/chats.db"
    ),
    "there is no backup of the chats here": "这里没有对话的备份",
    "make one: fireside backup FILE": "建议备份：fireside backup 文件",
    "the newest backup here is of {day}: {path}": "最新的备份是 {day} 的：{path}",
    # models
    "{model} comes with the first chat ({size})": "第一次对话时会下载 {model}（{size}）",
    "{path} can't be read: {error}": "无法读取 {path}：{error}",
    "{model} is elsewhere, and asked when it is used": "{model} 在别处运行，使用时才会访问",
    "the settings know no remote {name}": "设置中没有远程服务器 {name}",
    "add [remotes.{name}] to config.toml, or choose another `model` there": (
        "在 config.toml 中添加 [remotes.{name}]，或在其中另选 `model`"
    ),
    "{model} is sound": "{model} 完好",
    "{model} is sound, and the very file that was published": "{model} 完好，与发布的文件完全一致",
    "{size} of broken off downloads are kept to go on with": "保留了 {size} 未完成的下载，可以继续",
    "`fireside models pull MODEL` goes on; deleting {folder} gives them up": (
        "`fireside models pull 模型` 可继续；删除 {folder} 即放弃"
    ),
    "fetch {model} again, and replace it": "重新下载 {model} 并替换",
    "fetched {model} again": "已重新下载 {model}",
    # engine
    "the settings name the engine: {path}": "设置指定了引擎：{path}",
    "the engine is the one that came along; `fireside tune` may make a faster one": (
        "引擎是随附的那个；`fireside tune` 也许可以做出更快的"
    ),
    "the engine that was built here is not used: {reason}": "没有使用在这里编译的引擎：{reason}",
    "the engine that was built here is not used: its file or the processor is another now": (
        "没有使用在这里编译的引擎：它的文件或处理器已经变了"
    ),
    "build it anew: fireside tune --build": "请重新编译：fireside tune --build",
    "the engine was built here from another source than this version of Fireside has": (
        "引擎是用与此版 Fireside 不同的源代码编译的"
    ),
    "build it anew, it may be faster: fireside tune --build": "请重新编译，可能更快：fireside tune --build",
    "the engine was built for this processor; {reading} times as fast reading, {writing} writing": (
        "引擎是为这台处理器编译的：阅读快 {reading} 倍，书写快 {writing} 倍"
    ),
    "{model} runs as `fireside tune` found it best": "{model} 按 `fireside tune` 找到的最佳方式运行",
    "what `fireside tune` found for {model} is not used: {reason}": (
        "没有使用 `fireside tune` 为 {model} 找到的方式：{reason}"
    ),
    "measure again: fireside tune": "请重新测量：fireside tune",
    "{build} loads {model} in {load} s and writes {speed} tokens in a second": (
        "{build} 用 {load} 秒载入 {model}，每秒写 {speed} 个词元"
    ),
    "{model} was not tried: there is no room for it now": "没有试运行 {model}：现在内存不够",
    "close other programs, or stop the server (fireside stop), and look again": (
        "请关闭其他程序，或停止服务器（fireside stop），然后再检查"
    ),
    "the engine's library (xllamacpp {version}) can be loaded": "引擎的程序库（xllamacpp {version}）可以载入",
    "the graphics processor isn't used: models run on the processor, many times slower": (
        "没有使用显卡：模型在处理器上运行，慢许多倍"
    ),
    "install the engine's build for it (see docs/guides/what-fits.md)": (
        "请安装对应显卡的引擎版本（见 docs/guides/what-fits.md）"
    ),
    # address and network
    "the server can listen on {host}, port {port}": "服务器可以使用 {host} 的端口 {port}",
    "port {port} is used by another program: {name}": "端口 {port} 被另一个程序占用：{name}",
    "end it, or set another one: FIRESIDE_PORT=3474, or `port` in config.toml": (
        "请结束它，或设置其他端口：FIRESIDE_PORT=3474，或 config.toml 中的 `port`"
    ),
    "a server is just starting": "服务器正在启动",
    "look again in a moment": "请稍后再检查",
    "the server answers at {address}": "服务器在 {address} 正常回应",
    "the server (process {pid}) doesn't answer at {address}": "服务器（进程 {pid}）在 {address} 没有回应",
    "end that process; what was said before is safe, and the next command starts a new one": (
        "请结束该进程；之前的对话不会丢失，下一个命令会启动新的服务器"
    ),
    "only programs of this computer reach it": "只有这台电脑上的程序能访问",
    "other devices reach it at {address}, with a key": "其他设备可凭密钥从 {address} 访问",
    "nobody was asked anything; --network looks whether models can be fetched": (
        "没有访问网络；--network 可检查能否下载模型"
    ),
    "the package index answers: {hosts}": "软件包索引有回应：{hosts}",
    "the package index doesn't answer: {hosts} ({error})": "软件包索引没有回应：{hosts}（{error}）",
    "models that are here work on; check the connection, the proxy or pip's configuration": (
        "已下载的模型可继续使用；请检查网络连接、代理或 pip 的配置"
    ),
    "the hub is not asked: HF_HUB_OFFLINE is set": "未访问 Hugging Face Hub：已设置 HF_HUB_OFFLINE",
    "the hub answers: {host}": "Hugging Face Hub 有回应：{host}",
    "the hub doesn't answer: {host} ({error})": "Hugging Face Hub 没有回应：{host}（{error}）",
    "models that are here work on; check the connection, the proxy or HF_ENDPOINT": (
        "已下载的模型可继续使用；请检查网络连接、代理或 HF_ENDPOINT"
    ),
}
