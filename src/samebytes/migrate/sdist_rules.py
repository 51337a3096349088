"""The rules for the sdist: MANIFEST.in line by line, and what setuptools packs without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace

from samebytes.migrate.manifest import Action, Directive
from samebytes.migrate.patterns import cover, exactly, matcher, named
from samebytes.migrate.rules import Rule, Rules, headed, is_never_packed
from samebytes.migrate.tree import Tree

_BYTECODE = re.compile(r"\*\.py(\[[cdo]+\]|[cdo])\*?$|__pycache__/?$")
_UNNAMED = ("setuptools packs these without a line in MANIFEST.in.",)
_MANIFEST = ("From MANIFEST.in.",)
_PACKAGES = ("The packages and modules.",)
_NOT_PACKED = ("No line of MANIFEST.in names these.",)
_LOST = ("Packed all the same.",)
_IGNORED = ("Tracked, although .gitignore names them.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What became of a directive; no patterns: nothing, for this ``reason``."""

    directive: Directive
    patterns: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistPlan:
    rules: Rules
    translations: tuple[Translation, ...]


def sdist_plan(
    tree: Tree,
    packed: Set[str],
    directives: Iterable[Directive],
    *,
    packages: Set[str],
    gone: Set[str],
    forced: Set[str],
) -> SdistPlan:
    """Rules that choose exactly the files that are ``packed``.

    ``packages`` are the files of the wheel, ``gone`` those that the migration removes, ``forced``
    those that hatchling packs in any case: all are paths in the tree.
    """
    files = tree.files - gone
    wanted = {path for path in packed if path in files}
    never = {path for path in wanted if is_never_packed(path)}
    work = _Work(files=files, wanted=wanted - never, gone=gone, forced=forced)
    directives = tuple(directives)
    found = {each.line: work.include(each) for each in directives if not each.is_excluding}
    work.include_rest(packages)
    for directive in directives:
        if directive.is_excluding:
            found[directive.line] = work.exclude(directive)
        else:
            work.include_again(directive)
    work.exclude_rest()
    missing = work.wanted - forced - work.rules().chosen(files, tree.ignoring)
    return SdistPlan(
        rules=replace(
            work.rules(),
            artifacts=headed(named(missing, files - missing), _IGNORED),
            forced={path: path for path in sorted(never)},
        ),
        translations=tuple(work.final(found[directive.line]) for directive in directives),
    )


@dataclass(slots=True, kw_only=True)
class _Work:
    """Rules in the making for the ``files`` of which some are ``wanted``."""

    files: Set[str]
    wanted: Set[str]
    gone: Set[str]
    forced: Set[str]
    includes: list[Rule] = field(default_factory=list)
    excludes: list[Rule] = field(default_factory=list)
    included: Set[str] = frozenset()
    dropped: set[str] = field(default_factory=set)
    everything: str = ""

    def rules(self) -> Rules:
        return Rules(include=tuple(self.includes), exclude=tuple(self.excludes))

    def include(self, directive: Directive) -> Translation:
        return self._translate(directive, self._useless_include, self.includes)

    def exclude(self, directive: Directive) -> Translation:
        return self._translate(directive, self._useless_exclude, self.excludes)

    def final(self, translation: Translation) -> Translation:
        """Without the patterns that were dropped since."""
        patterns = tuple(each for each in translation.patterns if each not in self.dropped)
        reason = translation.reason
        if translation.patterns and not patterns:
            reason = "a rule above includes them"
        return replace(translation, patterns=patterns, reason=reason)

    def include_again(self, directive: Directive) -> None:
        """Take back, after an exclusion, what a later directive includes: the last one wins."""
        if not self.excludes:
            return
        excluded = matcher(rule.pattern for rule in self.excludes)
        for pattern in directive.globs():
            matched = self.wanted & set(matcher([pattern]).match_files(self.files))
            if any(excluded.match_file(path) for path in matched):
                self.excludes.append(Rule(f"!{pattern}", directive.comments))

    def include_rest(self, packages: Set[str]) -> None:
        """Include what setuptools packs besides: packages and modules first."""
        missing = self.wanted - self.forced
        if self.includes:
            missing -= self._included()
        unwanted = self.files - self.wanted
        first = cover(missing & packages, unwanted)
        chosen = matcher(first)
        rest = cover({path for path in missing if not chosen.match_file(path)}, unwanted)
        self._drop_redundant(first)
        if first and self.includes:
            pattern, why = self.includes[0]
            self.includes[0] = Rule(pattern, (*_MANIFEST, *why))
        self.includes = [
            *headed(first, _PACKAGES),
            *self.includes,
            *headed(rest, (f"What {self.everything!r} means.",) if self.everything else _UNNAMED),
        ]
        self.included = self._included()

    def _drop_redundant(self, first: Iterable[str]) -> None:
        """Drop rules without a comment that add nothing to those before them."""
        covered = set(matcher(first).match_files(self.files))
        kept = []
        for rule in self.includes:
            matched = set(matcher([rule.pattern]).match_files(self.files))
            if matched & self.wanted <= covered and not rule.why:
                self.dropped.add(rule.pattern)
            else:
                kept.append(rule)
                covered |= matched
        self.includes = kept

    def exclude_rest(self) -> None:
        """Exclude what the rules choose and setuptools does not pack, and nothing else."""
        self.excludes += headed(cover(self._extra(), self.wanted), _NOT_PACKED)
        # A "!" that names files outweighs a folder's name, even one that comes after it.
        self.excludes += headed(map(exactly, sorted(self._extra())), _NOT_PACKED)
        excluded = matcher(rule.pattern for rule in self.excludes)
        lost = {path for path in self.wanted & self.included if excluded.match_file(path)}
        again = cover(lost, self.files - self.wanted)
        self.excludes += headed([f"!{pattern}" for pattern in again], _LOST)

    def _extra(self) -> set[str]:
        return self.rules().chosen(self.files, ()) - self.wanted - self.forced

    def _included(self) -> set[str]:
        return Rules(include=tuple(self.includes)).chosen(self.files, ())

    def _translate(
        self, directive: Directive, useless: Callable[[Directive, str], str], rules: list[Rule]
    ) -> Translation:
        """Add the rules of a directive, those that have an effect."""
        known = {rule.pattern for rule in rules}
        reasons = {pattern: useless(directive, pattern) for pattern in directive.globs()}
        patterns = [pattern for pattern, reason in reasons.items() if not reason]
        rules += headed([each for each in patterns if each not in known], directive.comments)
        return Translation(
            directive=directive,
            patterns=tuple(patterns),
            reason="" if patterns else "; ".join(dict.fromkeys(reasons.values())),
        )

    def _useless_exclude(self, _directive: Directive, pattern: str) -> str:
        if _BYTECODE.search(pattern):
            return "hatchling packs no bytecode"
        if not self.included & set(matcher([pattern]).match_files(self.files)):
            return "no rule includes such files"
        return ""

    def _useless_include(self, directive: Directive, pattern: str) -> str:
        """Why a rule would do nothing, or harm."""
        if pattern in ("/**", "*", "**"):
            self.everything = directive.text
            return "every file has a rule of its own, so that nothing else is packed"
        if pattern == "/pyproject.toml":
            return "hatchling packs it in any case"
        matched = set(matcher([pattern]).match_files(self.files))
        if not matched:
            gone = any(matcher([pattern]).match_files(self.gone))
            return "the file is gone" if gone else "there is no such file"
        if not matched & self.wanted:
            return "setuptools packs no such file"
        depth = pattern.count("/")
        if directive.action is Action.INCLUDE and all(p.count("/") >= depth for p in matched):
            return "it names a folder, of which setuptools takes nothing"
        return ""
