"""What tests of the doctor share."""

from __future__ import annotations

from collections.abc import Callable

from fireside.doctor import Finding

Findings = Callable[..., list[Finding]]


def problems(findings: list[Finding]) -> list[str]:
    return [str(finding.what) for finding in findings if finding.state == "problem"]
