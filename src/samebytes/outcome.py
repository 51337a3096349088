"""What a build gave: a record of what was published, or a finding."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import parse_wheel_filename

from samebytes.compare.model import Comparison, Verdict
from samebytes.digest import Digest
from samebytes.recipe import BuildInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The wheel built from the tree and the one built from the sdist are not the same bytes."""

    from_tree: str
    from_sdist: str
    comparison: Comparison

    @property
    def reason(self) -> str:
        tree, sdist = (parse_wheel_filename(name) for name in (self.from_tree, self.from_sdist))
        if tree[1] != sdist[1]:
            return (
                f"The version is {tree[1]} in the tree and {sdist[1]} in the sdist. It is probably "
                "derived from the repository's history, which an unpacked sdist does not have."
            )
        kinds = {difference.kind.id for difference in self.comparison.differences}
        if "member-only-in-first" in kinds:
            return "The sdist lacks files from which the wheel is made."
        if self.comparison.verdict is Verdict.DIFFERENT:
            return "The build gives other contents in an unpacked sdist than in the tree."
        return "The contents are the same; the archives' own fields differ."


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """An artifact that is not the one of the record, though built by the same recipe."""

    filename: str
    recorded: Digest
    built: Digest | None

    def to_dict(self) -> dict[str, object]:
        return {
            "filename": self.filename,
            "recorded": str(self.recorded),
            "built": self.built and str(self.built),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a build gave: a record of what was published, or a finding and nothing published."""

    buildinfo: BuildInfo
    disagreement: Disagreement | None = None
    deviations: tuple[Deviation, ...] = ()

    @property
    def is_published(self) -> bool:
        return self.disagreement is None and not self.deviations
