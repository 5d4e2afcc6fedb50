"""Makes folders of models as transformers writes them, in a process of their own: no test imports torch.

Run as `python made_torch_models.py WHAT GGUF TO`, where WHAT is one of the functions below; tests ask `make`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fireside.engines.protocol import ModelFile

LIMIT = 2048
"""tokens that these models can hold, as Falcon's can"""
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(what: str, gguf: Path, to: Path) -> Path:
    """Return the folder or file `to`, made unless it is there already."""
    if not to.exists():
        part = to.with_name(f"part-{to.name}")
        script = [sys.executable, __file__, what, str(gguf), str(part)]
        made = subprocess.run(script, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[-2000:]
        part.replace(to)
    return to


def _tokenizer(gguf: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)


def falcon(gguf: Path, to: Path) -> None:
    """Falcon's architecture with random weights, for 2,048 tokens, and no chat template."""
    import torch
    from transformers import FalconConfig, FalconForCausalLM

    torch.manual_seed(1)
    tokenizer = _tokenizer(gguf)
    tokenizer.chat_template = None
    config = FalconConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        alibi=False,
        multi_query=True,
        parallel_attn=True,
        bias=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = FalconForCausalLM(config)
    # Random weights as they are made are nearly zero: every word would be as likely as any other.
    for name, weights in model.named_parameters():
        if "norm" not in name and "ln" not in name:
            torch.nn.init.normal_(weights, std=0.08)
    model.to(torch.bfloat16).save_pretrained(to)
    tokenizer.save_pretrained(to)
    # As in falcon-7b-instruct, which leaves its limit to the class.
    written = json.loads((to / "config.json").read_text())
    written.pop("max_position_embeddings", None)
    (to / "config.json").write_text(json.dumps(written))


def smollm2(gguf: Path, to: Path) -> None:
    """The small real model, converted by transformers' own loader, in 32 bits."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(to)
    _tokenizer(gguf).save_pretrained(to)


def unquantised(gguf: Path, to: Path) -> None:
    """The same model as GGUF, its weights unpacked into 32 bits."""
    import numpy
    from gguf import GGUFReader, GGUFValueType, GGUFWriter
    from gguf.quants import dequantize

    reader = GGUFReader(gguf)
    writer = GGUFWriter(to, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture", "general.file_type")):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(0)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def with_template(folder: Path, to: Path, template: str = TEMPLATE) -> Path:
    """Return a folder of the same weights and tokenizer that has a chat template."""
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).hardlink_to(file)
    (to / "chat_template.jinja").unlink(missing_ok=True)
    (to / "chat_template.jinja").write_text(template)
    return to


def with_code(folder: Path, to: Path, *, writes: Path, family: str = "wishful") -> Path:
    """Return a folder whose model is made by code of its own, which writes a file when it is imported."""
    to.mkdir()
    for file in folder.iterdir():
        if file.name != "config.json":
            (to / file.name).hardlink_to(file)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": family,
        "architectures": ["WishfulForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_wishful.WishfulConfig",
            "AutoModelForCausalLM": "modeling_wishful.WishfulForCausalLM",
        },
    }
    (to / "config.json").write_text(json.dumps(config))
    (to / "configuration_wishful.py").write_text(
        "from pathlib import Path\n"
        "from transformers import FalconConfig\n"
        f"Path({str(writes)!r}).write_text('it ran')\n"
        "class WishfulConfig(FalconConfig):\n"
        "    model_type = 'wishful'\n"
    )
    (to / "modeling_wishful.py").write_text(
        "from transformers import FalconForCausalLM\n"
        "from .configuration_wishful import WishfulConfig\n"
        "class WishfulForCausalLM(FalconForCausalLM):\n"
        "    config_class = WishfulConfig\n"
    )
    return to


def model_in(folder: Path, *, has_template: bool) -> ModelFile:
    return ModelFile(
        reference=f"file:{folder}",
        path=folder,
        identity=folder.name,
        context_length=LIMIT,
        has_template=has_template,
        engine="transformers",
        size_bytes=(folder / "model.safetensors").stat().st_size,
    )


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
