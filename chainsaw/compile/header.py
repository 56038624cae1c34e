"""The header of a generated file: that it is generated, from which file, and a digest of the rest."""

from __future__ import annotations

from hashlib import sha256


def marked(origin: str, body: str) -> str:
    """Return a generated text under its header; `origin` names what it was made from."""
    digest = sha256(body.encode()).hexdigest()[:32]
    warning = "Do not edit: a change is found, shown, and never lost silently."
    return f"# Made by chainsaw from {origin}. {warning}\n# digest: {digest}\n{body}"


def is_intact(text: str) -> bool:
    """Return whether a generated text still has the content that its header says."""
    lines = text.split("\n", 2)
    if len(lines) != 3 or not lines[1].startswith("# digest: "):
        return False
    return lines[1] == f"# digest: {sha256(lines[2].encode()).hexdigest()[:32]}"
