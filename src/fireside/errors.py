"""Every error that a person may see, drawn as one tree.

    FiresideError
    ├── BadRequest              the request itself is wrong; `param` names the field
    │   ├── EmptyMessage
    │   ├── TooLarge            refused by its size in bytes, before anything is read
    │   ├── ContextLengthExceeded
    │   ├── NoTemplate          `chat` format asked of a model that has no template
    │   ├── NoEmbeddings        embeddings asked of a model that writes
    │   ├── NoChat              words asked of a model that makes embeddings
    │   ├── NoVision            pictures shown to a model that doesn't see
    │   ├── BadPicture          a picture that can't be shown
    │   ├── BadImport           an import file that can't be understood
    │   └── BadReference        a model reference that can't be parsed
    ├── NotFound
    │   ├── ConversationNotFound, MessageNotFound, PersonaNotFound
    │   ├── ModelNotFound, KeyNotFound, SessionNotFound
    │   └── MemoryNotFound
    ├── Unauthorized            no key where one is needed, or a wrong one
    ├── Forbidden               foreign Host or Origin, a key without the scope, missing token
    ├── Conflict                what is asked doesn't fit the state things are in
    │   └── NotTrusted          a model brings code that nobody has allowed to run
    ├── ModelDamaged            a model file that must not reach an engine
    ├── AnswerInvalid           a model's answer that isn't what the request insisted on
    ├── DownloadFailed
    │   └── SearchFailed        the hub can't be searched for models
    ├── StoreError
    │   ├── StoreBusy, StoreFull, StoreDamaged, StoreTooNew
    ├── TooBusy                 the queue is full; `retry_after_s` says when to come back
    │   └── TooManyTries        too many wrong keys from one address
    ├── EngineError
    │   ├── EngineUnavailable   it can't be started here (a library is missing, …)
    │   ├── NotEnoughMemory     known before it is loaded
    │   ├── EngineCrashed
    │   ├── EngineOutOfMemory
    │   ├── RemoteUnavailable   a server elsewhere can't be reached, or broke off
    │   └── RemoteRefused       it answers, and doesn't do it: a wrong key, no such model
    ├── ServerUnavailable       no server, and none could be started
    ├── AlreadyRunning          another server has this home
    ├── AddressInUse, AddressRefused
    └── ConfigError             the configuration file; names file, line and key

The server owns the table from `code` to HTTP status; the terminal prints the message,
then `hint: …`. Nobody else catches broadly.
"""

from __future__ import annotations


class FiresideError(Exception):
    """Base of every error that a person may see.

    `code` is stable and public; `param` names the field of a request that is at fault.
    """

    code = "internal_error"

    def __init__(self, message: str, *, hint: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param


class BadRequest(FiresideError):
    code = "invalid_request"


class EmptyMessage(BadRequest):
    code = "empty_message"


class TooLarge(BadRequest):
    code = "too_large"


class ContextLengthExceeded(BadRequest):
    code = "context_length_exceeded"


class NoTemplate(BadRequest):
    code = "no_template"


class NoEmbeddings(BadRequest):
    code = "no_embeddings"


class NoChat(BadRequest):
    code = "no_chat"


class NoVision(BadRequest):
    code = "no_vision"


class BadPicture(BadRequest):
    code = "bad_picture"


class BadImport(BadRequest):
    code = "bad_import"


class BadReference(BadRequest):
    code = "bad_reference"


class NotFound(FiresideError):
    code = "not_found"


class ConversationNotFound(NotFound):
    code = "conversation_not_found"


class MessageNotFound(NotFound):
    code = "message_not_found"


class PersonaNotFound(NotFound):
    code = "persona_not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class KeyNotFound(NotFound):
    code = "key_not_found"


class SessionNotFound(NotFound):
    code = "session_not_found"


class MemoryNotFound(NotFound):
    code = "memory_not_found"


class Unauthorized(FiresideError):
    code = "invalid_api_key"


class Forbidden(FiresideError):
    code = "forbidden"


class Conflict(FiresideError):
    code = "conflict"


class NotTrusted(Conflict):
    code = "not_trusted"


class ModelDamaged(FiresideError):
    code = "model_damaged"


class AnswerInvalid(FiresideError):
    code = "answer_invalid"


class DownloadFailed(FiresideError):
    code = "download_failed"


class SearchFailed(DownloadFailed):
    code = "search_failed"


class StoreError(FiresideError):
    code = "store_error"


class StoreBusy(StoreError):
    code = "store_busy"


class StoreFull(StoreError):
    code = "disk_full"


class StoreDamaged(StoreError):
    code = "store_damaged"


class StoreTooNew(StoreError):
    code = "store_too_new"


class TooBusy(FiresideError):
    """`retry_after_s` is measured: by then a place in the queue should be free."""

    code = "too_busy"

    def __init__(
        self, message: str, *, hint: str | None = None, param: str | None = None, retry_after_s: int = 1
    ) -> None:
        super().__init__(message, hint=hint, param=param)
        self.retry_after_s = retry_after_s


class TooManyTries(TooBusy):
    """Here `retry_after_s` is when the address may try again."""

    code = "too_many_tries"


class EngineError(FiresideError):
    code = "engine_error"


class EngineUnavailable(EngineError):
    code = "engine_unavailable"


class NotEnoughMemory(EngineError):
    code = "not_enough_memory"


class EngineCrashed(EngineError):
    code = "engine_crashed"


class EngineOutOfMemory(EngineCrashed):
    code = "engine_out_of_memory"


class RemoteUnavailable(EngineError):
    code = "remote_unavailable"


class RemoteRefused(EngineError):
    code = "remote_refused"


class ServerUnavailable(FiresideError):
    code = "server_unavailable"


class AlreadyRunning(FiresideError):
    code = "already_running"


class AddressInUse(FiresideError):
    code = "address_in_use"


class AddressRefused(FiresideError):
    code = "address_refused"


class ConfigError(FiresideError):
    code = "config_error"


def _subclasses(of: type[FiresideError]) -> list[type[FiresideError]]:
    return [of, *(found for child in of.__subclasses__() for found in _subclasses(child))]


def from_code(code: str, message: str, *, hint: str | None = None, param: str | None = None) -> FiresideError:
    """Return the error of the tree that carries `code`; an unknown one becomes the base error.

    >>> type(from_code("model_not_found", "no such model")).__name__
    'ModelNotFound'
    """
    for kind in _subclasses(FiresideError):
        if kind.code == code:
            return kind(message, hint=hint, param=param)
    error = FiresideError(message, hint=hint, param=param)
    error.code = code
    return error
