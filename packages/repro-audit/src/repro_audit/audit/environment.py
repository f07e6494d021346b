"""RA4xx: packages, and the code that was run."""

from __future__ import annotations

from collections.abc import Iterator

from repro_audit.audit.rules import Hit, rule
from repro_audit.manifest import Manifest

_PINNING = "pip documentation: Repeatable Installs"


_OWN = ("repro-audit", "repro-audit-schemas")


@rule(
    "RA401",
    "warning",
    "the code is in no repository",
    why="Nobody can get the code that was run.",
    remedy="git init && git add --all && git commit --message 'The code of this run'",
    source="ACM artifact review: available artifacts",
)
def no_git(manifest: Manifest) -> Iterator[Hit]:
    """No git state was recorded."""
    code = manifest.conditions.code
    if code is None:
        return
    if code.git is None:
        yield Hit("No git repository was found around the code.", "$.conditions.code.git")
    elif code.git.commit is None:
        yield Hit("The repository has no commit yet.", "$.conditions.code.git.commit")


@rule(
    "RA402",
    "warning",
    "the code differs from the commit",
    why="The commit named in this manifest is not what was run.",
    remedy="git add --all && git commit --message 'The code of this run'",
    source="ACM artifact review: available artifacts",
)
def dirty(manifest: Manifest) -> Iterator[Hit]:
    """The work tree had changes."""
    code = manifest.conditions.code
    if code is not None and code.git is not None and code.git.commit and code.git.dirty:
        yield Hit(
            f"The work tree had changes to commit {code.git.commit[:12]}.",
            "$.conditions.code.git.dirty",
        )


@rule(
    "RA403",
    "warning",
    "a package is installed in editable mode",
    why="Its files can change without its version changing.",
    remedy="pip install .  # in place of: pip install --editable .",
    source="PEP 610",
)
def editable(manifest: Manifest) -> Iterator[Hit]:
    """A distribution is editable, and not ours: that records, and computes nothing."""
    packages = manifest.conditions.packages
    names = [
        name
        for name, package in (packages.distributions if packages else {}).items()
        if package.source is not None and package.source.editable and name not in _OWN
    ]
    if names:
        yield Hit(
            f"Installed in editable mode: {', '.join(names[:8])}"
            + (", …." if len(names) > 8 else "."),
            "$.conditions.packages.distributions",
        )


@rule(
    "RA404",
    "warning",
    "package versions are not pinned",
    why="An installation at another time takes other releases, which may compute differently.",
    remedy="pip freeze --exclude-editable > constraints.txt  # install with: -c constraints.txt",
    source=_PINNING,
)
def loosely_pinned(manifest: Manifest) -> Iterator[Hit]:
    """No requirement or lock file beside the code pins every version it names."""
    packages = manifest.conditions.packages
    if packages is None:
        return
    files = packages.requirements
    if any(not item.loose for item in files):
        return
    if not files:
        yield Hit(
            "There is no lock file and no list of requirements beside the code.",
            "$.conditions.packages.requirements",
        )
        return
    item = files[0]
    names = ", ".join(name for name in item.loose[:5])
    yield Hit(
        f"{item.file} admits several versions of {names}"
        + (" and others." if len(item.loose) > 5 else "."),
        "$.conditions.packages.requirements[0].loose",
    )
