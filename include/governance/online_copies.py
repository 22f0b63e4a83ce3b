"""Copies for fast lookup that a use case has: online features, and the data of streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.governance.erasure import Changed
from include.governance.mentions import values_of
from include.governance.traces import Finding, Search
from include.ports.online import Edit, OnlineKeys, ServerContents, StreamContents


@dataclass(frozen=True)
class OnlineCopies:
    """``stores`` by place, the ``streams``, and the ``server`` of both, unless none runs."""

    stores: Mapping[str, OnlineKeys]
    streams: Sequence[StreamContents]
    server: ServerContents | None

    def values(self, column: str) -> set[str]:
        """Entity keys, and what events and rows of streams have in ``column``."""
        keys = [key for store in self.stores.values() for key in store.texts()]
        documents = (document for stream in self.streams for document in stream.documents())
        named = {value for document in documents for value in values_of(document, column)}
        return named | {key[key.rfind(b"\0") + 1 :].decode(errors="replace") for key in keys}

    def copy(self, edit: Edit) -> dict[str, int]:
        """Put the features of each key that ``edit`` changes under the changed key too; how many, by place."""
        return {place: store.copy(edit) for place, store in self.stores.items()}

    def delete(self, edit: Edit) -> dict[str, int]:
        """Delete the features of each key that ``edit`` changes; how many, by place."""
        return {place: count for place, store in self.stores.items() if (count := store.delete(edit))}

    def erase_streamed(self, edit: Edit) -> list[Changed]:
        """Delete what ``edit`` changes of what streams keep."""
        return [Changed(f"redis/{key}", *rows) for stream in self.streams for key, rows in stream.erase(edit).items()]

    def renew_streamed(self, edit: Edit) -> list[Changed]:
        """Change what streams keep, in its place."""
        return [Changed(f"redis/{key}", *rows) for stream in self.streams for key, rows in stream.renew(edit).items()]

    def forget(self) -> None:
        """The server writes its files anew: until then, what was deleted still stands in them."""
        if self.server:
            self.server.compact()

    def search(self, matcher: Search, place: Path) -> list[Finding]:
        """Findings in the server, whose files in ``place`` are compressed; without one these are all there is."""
        if self.server is None:
            print("redis does not run: only its files were searched")
            return []
        matches: dict[str, set[bytes]] = {}
        for kind, content in self.server.contents():
            matches.setdefault(kind, set()).update(matcher.found(content))
        return [Finding(place, kind, len(values)) for kind, values in sorted(matches.items()) if values]
