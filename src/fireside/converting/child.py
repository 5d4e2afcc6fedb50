"""The process that writes a model in another format, by llama.cpp's own code in the engine's library.

Run as `python -m fireside.converting.child`. Its task is a line of JSON on standard input, its answers are
lines of JSON on standard output. The library exports what `llama-quantize` is made of: reading and writing
GGUF (ggml's include/gguf.h), and turning rows of each format into numbers and back (ggml.h,
ggml-quants.h); no layout of any structure is relied on.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_bool, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from fireside.engines import machine
from fireside.engines.llamacpp_child import claim_stdout

F32 = 0
QUANTIZATION_VERSION = 2
"""`GGML_QNT_VERSION` of ggml.h: in which way the formats are meant"""
ELEMENTS_AT_ONCE = 4 << 20
"""A whole number of blocks of any format. Where a row ends doesn't matter to them, only to importance
matrices; so a tensor of one endless row takes no more memory than others."""
PLAIN = {"f16": "ggml_fp16_to_fp32_row", "bf16": "ggml_bf16_to_fp32_row"}
"""formats that are no blocks, and how they become numbers"""
ABOUT_FILES = (b"split.no", b"split.count", b"split.tensors.count", b"general.alignment")
"""what is true of the files that were read only"""


class Task(msgspec.Struct, frozen=True):
    """What the parent asks for: each tensor's name and the number of its format, in the order of the file."""

    sources: tuple[str, ...]
    target: str
    tensors: tuple[tuple[str, int], ...]
    file_type: int
    threads: int
    limit_bytes: int


class Wrote(msgspec.Struct, frozen=True, tag="wrote"):
    done_bytes: int


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    size_bytes: int
    sha256: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there will be no model: the library, the weights, or the disk."""

    what: Literal["library", "weights", "disk"]
    text: str


Answer = Wrote | Finished | Refused


class Unfit(Exception):
    """Weights that can't be converted."""


class _Source(msgspec.Struct, frozen=True):
    """One tensor in the files that are read."""

    name: str
    handle: int
    file: BinaryIO
    offset: int
    number: int
    elements: int


class _Init(ctypes.Structure):
    """`gguf_init_params` of gguf.h."""

    _fields_ = (("no_alloc", c_bool), ("context", ctypes.POINTER(c_void_p)))


def main() -> None:
    machine.tie_to_parent()
    if hasattr(os, "nice"):
        os.nice(19)
    answers = claim_stdout()
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    task = msgspec.json.decode(line, type=Task)

    def answer(what: Answer) -> None:
        os.write(answers, msgspec.json.encode(what) + b"\n")

    try:
        _bound(task.limit_bytes)
        answer(_write(task, load(), lambda done: answer(Wrote(done))))
    except (ImportError, AttributeError) as error:
        answer(Refused("library", str(error)))
    except (Unfit, UnicodeDecodeError) as error:  # a name may be no text
        answer(Refused("weights", str(error)))
    except OSError as error:
        answer(Refused("disk", error.strerror or str(error)))
    os._exit(0)


def load() -> ctypes.CDLL:
    """Return the engine's library; AttributeError where it hides what is needed, as on Windows."""
    import xllamacpp.xllamacpp as engine

    library = ctypes.CDLL(engine.__file__)
    context, text, number = c_void_p, c_char_p, c_int64
    for name, result, arguments in (
        ("gguf_init_empty", context, ()),
        ("gguf_init_from_file", context, (text, _Init)),
        ("gguf_set_kv", None, (context, context)),
        ("gguf_remove_key", number, (context, text)),
        ("gguf_set_val_u32", None, (context, text, c_uint32)),
        ("gguf_get_n_tensors", number, (context,)),
        ("gguf_get_tensor_name", text, (context, number)),
        ("gguf_get_tensor_type", c_int, (context, number)),
        ("gguf_get_tensor_offset", c_size_t, (context, number)),
        ("gguf_get_data_offset", c_size_t, (context,)),
        ("gguf_add_tensor", None, (context, c_void_p)),
        ("gguf_set_tensor_type", None, (context, text, c_int)),
        ("gguf_get_meta_size", c_size_t, (context,)),
        ("gguf_get_meta_data", None, (context, c_void_p)),
        ("ggml_get_tensor", c_void_p, (c_void_p, text)),
        ("ggml_nelements", number, (c_void_p,)),
        ("ggml_type_name", text, (c_int,)),
        ("ggml_row_size", c_size_t, (c_int, number)),
        ("ggml_quantize_chunk", c_size_t, (c_int, c_void_p, c_void_p, number, number, number, c_void_p)),
        ("ggml_validate_row_data", c_bool, (c_int, c_void_p, c_size_t)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _bound(limit_bytes: int) -> None:
    with contextlib.suppress(ImportError):
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then it is an OSError
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def _write(task: Task, library: ctypes.CDLL, told: Callable[[int], None]) -> Finished:
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(Path(source).open("rb")) for source in task.sources]
        header = library.gguf_init_empty()
        sources = _read(library, header, files)
        library.gguf_set_val_u32(header, b"general.quantization_version", QUANTIZATION_VERSION)
        library.gguf_set_val_u32(header, b"general.file_type", task.file_type)
        for name, number in task.tensors:
            if name not in sources:
                raise Unfit(f"the tensor {name!r} isn't there any more")
            library.gguf_add_tensor(header, sources[name].handle)
            library.gguf_set_tensor_type(header, name.encode(), number)
        pool = opened.enter_context(ThreadPoolExecutor(task.threads))
        target = opened.enter_context(Path(task.target).open("xb"))
        written = _Hashed(target)
        written.write(_header(library, header))
        begun = written.size
        for place, (name, number) in enumerate(task.tensors):
            written.write(bytes(begun + library.gguf_get_tensor_offset(header, place) - written.size))
            for pieces in _pieces(library, sources[name], number, pool, task.threads):
                for piece in pieces:
                    written.write(piece)
                told(written.size)
        written.write(bytes(-(written.size - begun) % 32))
        target.flush()
        os.fsync(target.fileno())
    return Finished(written.size, written.digest.hexdigest())


def _read(library: ctypes.CDLL, header: int, files: Sequence[BinaryIO]) -> dict[str, _Source]:
    """Return the tensors of all files by name, and copy what the first says of the model into `header`."""
    found: dict[str, _Source] = {}
    for file in files:
        tensors = c_void_p()
        source = library.gguf_init_from_file(os.fsencode(file.name), _Init(True, ctypes.pointer(tensors)))
        if not source:
            raise Unfit(f"llama.cpp can't read {file.name}")
        if not found:
            library.gguf_set_kv(header, source)
        data = library.gguf_get_data_offset(source)
        for place in range(library.gguf_get_n_tensors(source)):
            name: bytes = library.gguf_get_tensor_name(source, place)
            handle = library.ggml_get_tensor(tensors, name)
            found[name.decode()] = _Source(
                name=name.decode(),
                handle=handle,
                file=file,
                offset=data + library.gguf_get_tensor_offset(source, place),
                number=library.gguf_get_tensor_type(source, place),
                elements=library.ggml_nelements(handle),
            )
    for key in ABOUT_FILES:
        library.gguf_remove_key(header, key)
    return found


def _header(library: ctypes.CDLL, header: int) -> bytes:
    buffer = ctypes.create_string_buffer(library.gguf_get_meta_size(header))
    library.gguf_get_meta_data(header, byref(buffer))
    return buffer.raw


def _pieces(
    library: ctypes.CDLL, source: _Source, number: int, pool: ThreadPoolExecutor, threads: int
) -> Iterator[list[bytes]]:
    """Yield the tensor in its new format, a few pieces at a time."""
    convert = _converter(library, source, number)
    source.file.seek(source.offset)
    places = range(0, source.elements, ELEMENTS_AT_ONCE)
    counts = [min(ELEMENTS_AT_ONCE, source.elements - place) for place in places]
    for begun in range(0, len(counts), threads):
        wanted = [library.ggml_row_size(source.number, count) for count in counts[begun : begun + threads]]
        read = [source.file.read(size_bytes) for size_bytes in wanted]
        if len(read[-1]) < wanted[-1]:
            raise Unfit("the file became shorter while it was read")
        yield list(pool.map(convert, read, counts[begun : begun + threads]))


def _converter(library: ctypes.CDLL, source: _Source, number: int) -> Callable[[bytes, int], bytes]:
    """Return what turns a piece of a tensor, so many elements, into its new format.

    What isn't finite stays out of models.
    """

    def checked(kind: int, data: bytes) -> bytes:
        if not library.ggml_validate_row_data(kind, data, len(data)):
            raise Unfit(f"the tensor {source.name!r} has values that are no numbers")
        return data

    if number == source.number:
        return lambda data, count: checked(number, data)
    to_numbers = _reader(library, source.number)

    def convert(data: bytes, count: int) -> bytes:
        numbers: Any = checked(source.number, data)
        if to_numbers is not None:
            numbers = (c_float * count)()
            to_numbers(data, numbers, count)
        made = ctypes.create_string_buffer(library.ggml_row_size(number, count))
        library.ggml_quantize_chunk(number, numbers, made, 0, 1, count, None)
        return checked(number, made.raw)

    return convert


def _reader(library: ctypes.CDLL, number: int) -> Any:
    """Return what turns rows of a format into numbers; None where they are."""
    if number == F32:
        return None
    name: str = library.ggml_type_name(number).decode()
    try:
        function = library[PLAIN.get(name, f"dequantize_row_{name}")]
    except AttributeError:
        raise Unfit(f"weights of the format {name} can't be converted") from None
    function.restype, function.argtypes = None, (c_void_p, c_void_p, c_int64)
    return function


class _Hashed:
    """Writes into a file and takes its hash on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)


if __name__ == "__main__":
    main()
