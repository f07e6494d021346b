"""How to install this package: one constant says where it comes from.

Until a release exists, the names below are nobody's on the index that pip asks, or somebody else's.
So no text of ours tells anybody to install them by name: it names the folders of a checkout.
"""

from __future__ import annotations

__all__ = ["NAMES", "RELEASED", "install_command"]

RELEASED = False
"""Whether a release of ours can be installed by name."""

NAMES = ("repro-audit", "repro-audit-schemas")
"""What a release is called on an index."""


def install_command(extra: str = "", *, released: bool = RELEASED) -> str:
    """Return the command that installs this package.

    Args:
        extra: The extra to install it with: ``paper``, ``keras``.
        released: Whether it can be had by name; else the command is one for a checkout.

    >>> install_command("paper")
    'pip install ./schemas "./packages/repro-audit[paper]"'
    >>> install_command("paper", released=True)
    'pip install "repro-audit[paper]"'
    """
    wanted = "repro-audit" if released else "./packages/repro-audit"
    if extra:
        wanted = f'"{wanted}[{extra}]"'
    # The schemas are a package of their own, which pip would look for on an index.
    return f"pip install {wanted}" if released else f"pip install ./schemas {wanted}"
