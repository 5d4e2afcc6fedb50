"""简体中文."""

from __future__ import annotations

TEXTS: dict[str, str] = {}

ERRORS: dict[str, str] = {
    "address_in_use": "地址已被占用",
    "address_refused": "不能使用这个地址",
    "already_running": "服务器已在运行",
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
    "invalid_request": "请求有误",
    "message_not_found": "找不到消息",
    "model_damaged": "模型文件已损坏",
    "model_not_found": "找不到模型",
    "no_template": "模型没有对话模板",
    "not_found": "找不到",
    "persona_not_found": "找不到角色",
    "server_unavailable": "无法连接服务器",
    "store_busy": "数据库正忙",
    "store_damaged": "数据库已损坏",
    "store_error": "数据库出错",
    "store_too_new": "数据库由更新的版本写成",
    "too_large": "内容太大",
}
