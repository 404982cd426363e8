"""Raw ids, titles and facts of the data in one file."""

import io
import json
import zipfile

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview
from collaborative_autoencoders.datasets.table import table_from_bytes, table_to_bytes
from collaborative_autoencoders.interactions.lookup import Lookup

USERS, ITEMS, ABOUT = "users.parquet", "items.parquet", "about.json"
WRITTEN = (1980, 1, 1, 0, 0, 0)
"""Time of writing in the archive: constant, so that the same lookup gives the same bytes."""


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
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, WRITTEN), content)
        return buffer.getvalue()

    def from_bytes(self, data: bytes) -> Lookup:
        """Return the saved lookup; raise ValueError if the bytes are truncated or changed."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                about = json.loads(archive.read(ABOUT))
                users, items = (table_from_bytes(archive.read(name)) for name in (USERS, ITEMS))
        except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
            raise ValueError(str(error)) from error
        return Lookup(users, items, about["facts"], about["like_threshold"])

    def preview(self) -> JSONPreview:
        """Return the facts and the first titles for kedro-viz; nothing if there is no file yet."""
        if not self.exists():
            return JSONPreview(json.dumps({}))
        lookup = self.load()
        about = {"like_threshold": lookup.like_threshold} | lookup.facts
        return JSONPreview(json.dumps(about | {"first_titles": lookup.items["title"].tolist()[:5]}))
