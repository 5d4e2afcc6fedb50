"""What a transformers model's config.json tells: sizes, context, and whether foreign code would have to run.

Families name the same things differently; the names are those of transformers' configuration classes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fireside.cards import Pooling
from fireside.models.dimensions import F16_BYTES, Dimensions
from fireside.models.foreign import Table

INNER_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config")
"""where models of several senses keep what is about their words"""
CONTEXT_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "max_seq_length",
    "seq_length",
    "n_ctx",
)
UNSAID_CONTEXT = {"falcon": 2048, "RefinedWeb": 2048, "RefinedWebModel": 2048}
"""tokens, of families whose config.json leaves it to the class (FalconConfig, and by its older names)"""
MAX_CONTEXT = 1 << 30
"""tokenizers without a limit name numbers of thirty digits"""
WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSeq2SeqLM")
"""how the names of classes end that write"""
# fmt: off
WELL_KNOWN = frozenset(
    (
        "bloom", "cohere", "cohere2", "deepseek_v3", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text",
        "glm", "glm4", "gpt2", "gpt_neo", "gpt_neox", "gpt_oss", "granite", "llama", "mistral", "mixtral",
        "mpt", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "smollm3",
        "stablelm", "starcoder2",
    )
)
# fmt: on
"""families that transformers runs with its own code, for when it isn't installed to be looked at"""


class Configuration:
    """A config.json, asked by what things are and not by what families call them."""

    def __init__(self, table: Table) -> None:
        self._outer = table
        inner = next((name for name in INNER_CONFIGS if table.table(name).values), None)
        self._inner = table.table(inner) if inner else table

    @property
    def family(self) -> str:
        """`model_type`, by which transformers finds the code."""
        return self._outer.text("model_type") or ""

    @property
    def classes(self) -> tuple[str, ...]:
        return self._outer.texts("architectures")

    @property
    def sees(self) -> bool:
        return bool(self._outer.table("vision_config").values)

    @property
    def element_type(self) -> str | None:
        return self._outer.text("dtype", "torch_dtype")

    @property
    def quantization(self) -> str | None:
        """How its weights were made smaller, as in `gptq` or `awq 4-bit`."""
        method = self._outer.table("quantization_config")
        name, bits = method.text("quant_method"), method.whole("bits")
        return f"{name} {bits}-bit" if name and bits else name

    def context_length(self, tokenizer: Table) -> int | None:
        """Return the most tokens of a conversation; the tokenizer's limit stands in where there is none."""
        told = self._inner.whole(*CONTEXT_KEYS) or self._outer.whole(*CONTEXT_KEYS)
        unsaid = UNSAID_CONTEXT.get(self.family)
        tokens = told or tokenizer.whole("model_max_length") or unsaid
        if not told and tokens and unsaid:
            tokens = min(tokens, unsaid)
        return tokens if tokens and tokens < MAX_CONTEXT else unsaid

    def dimensions(self) -> Dimensions:
        """Return what makes its need for memory, at two bytes a number."""
        told = self._inner.whole
        width = told("hidden_size", "n_embd", "n_embed", "d_model", "dim") or 0
        heads = told("num_attention_heads", "n_head", "n_heads", "num_heads") or 0
        layers = told("num_hidden_layers", "n_layer", "n_layers", "num_layers") or 0
        head = told("head_dim", "kv_channels") or (width // heads if heads else 0)
        inner = told("intermediate_size", "ffn_hidden_size", "n_inner", "d_ff", "ffn_dim") or 4 * width
        return Dimensions(
            width=width,
            inner_width=inner,
            key_heads=layers * self._key_heads(heads),
            head_bytes=2 * F16_BYTES * head,
        )

    def _key_heads(self, heads: int) -> int:
        """Return how many heads of a layer keep keys; Falcon's older models share one among all."""
        is_falcon = self.family in UNSAID_CONTEXT
        new = self._inner.flag("new_decoder_architecture")
        if is_falcon and not new and self._inner.flag("multi_query") is not False:
            return 1
        return self._inner.whole("num_key_value_heads", "num_kv_heads", "n_head_kv") or heads

    def pooling(self, sentence_pooling: Table) -> Pooling | None:
        """Return how it makes one vector of a text; None for a model that writes."""
        if any(name.endswith("ForSequenceClassification") for name in self.classes):
            return "rank"
        writes = (
            not self.classes or self.classes[0].endswith(WRITERS) or self._brought("AutoModelForCausalLM")
        )
        if writes and not sentence_pooling.values:
            return None
        if sentence_pooling.flag("pooling_mode_cls_token"):
            return "cls"
        return "last" if sentence_pooling.flag("pooling_mode_lasttoken") else "mean"

    def _brought(self, role: str) -> bool:
        """Return whether its own code plays a role of transformers' Auto classes."""
        return bool(self._outer.table("auto_map").values.get(role))

    def brings_code(self, tokenizer: Table) -> bool:
        """Return whether code that comes with the model would have to run.

        Many folders still carry code for families that transformers has learned since; that isn't run.
        """
        brings = self._outer.table("auto_map").values or tokenizer.table("auto_map").values
        return bool(brings) and not transformers_knows(self.family)


def transformers_knows(family: str) -> bool:
    """Return whether transformers has the code of a family, looked up without importing it."""
    spec = importlib.util.find_spec("transformers")
    if not family.replace("-", "_").isidentifier():
        return False
    if spec is None or not spec.submodule_search_locations:
        return family in WELL_KNOWN
    folders = (Path(place, "models") for place in spec.submodule_search_locations)
    return family in WELL_KNOWN or any((folder / family.replace("-", "_")).is_dir() for folder in folders)
