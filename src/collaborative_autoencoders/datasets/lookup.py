"""Raw ids, titles and facts of the data in one file."""

import json
from functools import partial
from typing import IO

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview
from collaborative_autoencoders.interactions.claims import checked_lookup, strict_json
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.npz import refuse_other_names
from collaborative_autoencoders.interactions.table_bytes import table_from_bytes, table_to_bytes
from collaborative_autoencoders.interactions.zip_bytes import zip_from_bytes, zip_to_bytes

USERS, ITEMS, ABOUT = "users.parquet", "items.parquet", "about.json"


class LookupDataset(FileDataset[Lookup]):
    """A `Lookup` in a zip file: two Parquet tables and the facts as JSON."""

    kind = "lookup of ids and titles (.zip)"

    def to_bytes(self, data: Lookup) -> bytes:
        """Return the lookup as a zip file; the same lookup gives the same bytes."""
        about = {"facts": data.facts, "like_threshold": data.like_threshold}
        files = {
            USERS: table_to_bytes(data.users),
            ITEMS: table_to_bytes(data.items),
            ABOUT: json.dumps(about, indent=2, allow_nan=False).encode(),
        }
        return zip_to_bytes({name: partial(_write, content) for name, content in files.items()})

    def from_bytes(self, data: bytes) -> Lookup:
        """Return the saved lookup.

        Raises ValueError if the bytes are truncated or changed, or if ids, titles and facts do not
        belong together.
        """
        files = zip_from_bytes(data)
        refuse_other_names(files, {USERS, ITEMS, ABOUT})
        about = strict_json(files[ABOUT])
        users, items = (table_from_bytes(files[name]) for name in (USERS, ITEMS))
        return checked_lookup(users, items, about)

    def preview(self) -> JSONPreview:
        """Return the facts and the first titles for kedro-viz; nothing if there is no file yet."""
        if not self.exists():
            return JSONPreview(json.dumps({}))
        lookup = self.load()
        about = {"like_threshold": lookup.like_threshold} | lookup.facts
        return JSONPreview(json.dumps(about | {"first_titles": lookup.items["title"].tolist()[:5]}))


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)
