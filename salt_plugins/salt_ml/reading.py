"""Reads a configuration of salt-ml and remembers what of it was read, so that nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from salt_core.errors import ConfigError, SaltError

#: Most characters of a value in a message.
LONGEST = 70


@dataclass
class Findings:
    """What a translation has no equivalent for.

    Parameters
    ----------
    left_out : list of str
        What changes no prediction: key path, value and reason.
    faults : list of SaltError
        What does.
    """

    left_out: list[str] = field(default_factory=list)
    faults: list[SaltError] = field(default_factory=list)


class Section:
    """A mapping of the old configuration.

    Parameters
    ----------
    content : mapping
        Its keys and values.
    path : str
        Where it stands.
    findings : Findings
        Where faults and notes go.
    """

    def __init__(self, content: Mapping[Any, Any], path: str, findings: Findings) -> None:
        self._content = content
        self._unread = set(content)
        self.path = path
        self.findings = findings

    def where(self, key: Any) -> str:
        """Return the key path of a key."""
        return f"{self.path}.{key}" if self.path else str(key)

    def take(self, key: str, default: Any = None) -> Any:
        """Return a value; ``null`` counts as not given."""
        self._unread.discard(key)
        value = self._content.get(key)
        return default if value is None else value

    def number(self, key: str, default: Any = None) -> Any:
        """Return a whole number, perhaps written as 100_000."""
        value = self.take(key, default)
        if isinstance(value, str) and value.replace("_", "").isdigit():
            value = int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            self.fault(key, f"{_short(value)} is no whole number")
            return default
        return value

    def strings(self, key: str) -> list[str]:
        """Return a text or a list of texts as a list."""
        value = self.take(key, [])
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return texts
        self.fault(key, f"{_short(value)} is no list of names")
        return []

    def take_all(self) -> list[Any]:
        """Return all keys, and count them as read."""
        self._unread.clear()
        return list(self._content)

    def section(self, key: str) -> Section:
        """Return a mapping; an empty one where there is none."""
        value = self.take(key, {})
        if not isinstance(value, Mapping):
            self.fault(key, f"must be a mapping, got {_short(value)}")
            value = {}
        return Section(value, self.where(key), self.findings)

    def sections(self, key: str) -> Iterator[Section]:
        """Yield the mappings of a list."""
        value = self.take(key, [])
        if not isinstance(value, list):
            self.fault(key, f"must be a list, got {_short(value)}")
            return
        for number, item in enumerate(value):
            yield Section({str(number): item}, self.where(key), self.findings).section(str(number))

    def component(self, key: str) -> tuple[str, Section]:
        """Return the name of a class, without its module, and its options; an empty name where there is none."""
        return _component(self.take(key), self.where(key), self.findings)

    def components(self, key: str) -> Iterator[tuple[str, Section]]:
        """Yield the classes of a list, or the only one."""
        value = self.take(key, [])
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items):
            yield _component(item, f"{self.where(key)}.{number}", self.findings)

    def without(self, *keys: str) -> None:
        """Pass over keys that say nothing of the model: what they say follows, or is never needed here."""
        self._unread.difference_update(keys)

    def leave_out(self, key: str, reason: str, *usual: Any) -> None:
        """Note a value that has no equivalent and changes no prediction, unless it is one of the usual."""
        value = self.take(key)
        if value is not None and value not in usual:
            self.note(key, value, reason)

    def refuse(self, key: str, reason: str, *usual: Any) -> None:
        """Refuse a value that makes another model, unless it is one of the usual."""
        value = self.take(key)
        if value is not None and value not in usual:
            self.fault(key, f"{_short(value)}: {reason}")

    def note(self, key: str, value: Any, reason: str) -> None:
        """Note that a value is left out."""
        self.findings.left_out.append(f"{self.where(key)}: {_short(value)} ({reason})")

    def fault(self, key: str, message: str) -> None:
        """Note a fault."""
        self.findings.faults.append(ConfigError(message, self.where(key)))

    def refuse_all(self, message: str) -> None:
        """Note a fault of the whole, whatever it holds."""
        self._unread.clear()
        self.findings.faults.append(ConfigError(message, self.path))

    def close(self, of_model: bool = False, usual: Mapping[str, Any] | None = None) -> None:
        """Tell what was not read and is not as `usual`: refuse it where it may be `of_model`, else note it."""
        for key in [key for key in self._content if key in self._unread]:
            if usual is not None and key in usual and self._content[key] == usual[key]:
                continue
            if of_model:
                self.refuse(key, "there is nothing like it here, and it may change what the model predicts")
            else:
                self.leave_out(key, "nothing like it here")


def _component(value: Any, path: str, findings: Findings) -> tuple[str, Section]:
    if value is None or value is False:
        return "", Section({}, path, findings)
    if isinstance(value, str):
        return value.rpartition(".")[2], Section({}, path, findings)
    options = Section(value if isinstance(value, Mapping) else {}, path, findings)
    name = options.take("class_path", "")
    if not isinstance(name, str) or not name:
        findings.faults.append(ConfigError(f"must name a class by class_path, got {_short(value)}", path))
        return "", options
    return name.rpartition(".")[2], options.section("init_args")


def _short(value: Any) -> str:
    """Write a value as YAML does, on one line and not too long."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else f"{value}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
