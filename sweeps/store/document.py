"""Small text files beside the store, wherever that is."""

from dataclasses import dataclass

from sweeps.store.blob_store import BlobStore


@dataclass(frozen=True)
class Document:
    """One text file of a place; it is replaced as a whole or not at all."""

    blobs: BlobStore
    name: str

    def is_file(self) -> bool:
        """Whether it is there."""
        return self.blobs.exists(self.name)

    def read_text(self) -> str:
        """Its text; raises ``FileNotFoundError``."""
        return self.blobs.read(self.name).decode()

    def read_bytes(self) -> bytes:
        """Its content; raises ``FileNotFoundError``."""
        return self.blobs.read(self.name)

    def set_aside(self) -> None:
        """Rename it, over one that was set aside before."""
        self.blobs.move(self.name, f"{self.name}.set-aside")

    def write_text(self, text: str) -> None:
        """Put a new text in its place."""
        self.blobs.write(self.name, text.encode())

    def __str__(self) -> str:
        return self.blobs.where(self.name)
