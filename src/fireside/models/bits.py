"""How large weights become: bits for each parameter, by quantisation."""

from __future__ import annotations

_BITS = """
IQ1_S 2.00  IQ1_M 2.15  IQ2_XXS 2.38 IQ2_XS 2.59 IQ2_S 2.74 IQ2_M 2.93 Q2_K 3.16 Q2_K_L 3.3
IQ3_XXS 3.25 IQ3_XS 3.50 IQ3_S 3.66 IQ3_M 3.76 Q3_K_S 3.64 Q3_K_M 4.00 Q3_K_L 4.30 Q3_K_XL 4.4
IQ4_XS 4.46 IQ4_NL 4.68 Q4_0 4.66 Q4_1 5.10 Q4_K_S 4.67 Q4_K_M 4.89 Q4_K_L 5.1 Q4_K_XL 4.9
MXFP4 4.4 MXFP4_MOE 4.4 NVFP4 4.8 Q5_0 5.57 Q5_1 6.03 Q5_K_S 5.57 Q5_K_M 5.70 Q5_K_L 5.9 Q5_K_XL 5.7
Q6_K 6.56 Q6_K_L 6.7 Q6_K_XL 6.9 Q8_0 8.50 Q8_K_XL 9.0 F16 16.0 BF16 16.0 F32 32.0
"""
"""Measured by llama.cpp on an 8B model (its tools/quantize/README.md); the larger variants a little above."""
_PAIRS = iter(_BITS.split())
BITS: dict[str, float] = {name: float(bits) for name, bits in zip(_PAIRS, _PAIRS, strict=True)}
USUAL = 4.9
"""for a quantisation that isn't in the table"""


def about_bytes(parameters: int, quantization: str | None) -> int:
    """Return about how many bytes so many parameters take; of small models the vocabulary takes more.

    >>> about_bytes(8_000_000_000, "Q4_K_M"), about_bytes(8_000_000_000, "F16")
    (4890000000, 16000000000)
    """
    return round(parameters * _bits(quantization) / 8)


def about_parameters(size_bytes: int, quantization: str | None) -> int:
    """Return about how many parameters a file of this size has.

    >>> about_parameters(4_890_000_000, "Q4_K_M")
    8000000000
    """
    return round(size_bytes * 8 / _bits(quantization))


def _bits(quantization: str | None) -> float:
    return BITS.get((quantization or "").removeprefix("UD-"), USUAL)
