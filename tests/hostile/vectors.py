"""The malformed and odd files that the makers of `cryptography` and NIST (PKITS) have collected.

They come with the package cryptography-vectors, which takes 125 MB where it is installed, of which
5 MB concern us: so the wheel is fetched once and read as the archive that it is.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

from renrakucho_ca.store.files.lock import FileLock

CERTIFICATES = ("x509/", "pkcs7/")
"""Certificates, CRLs, requests, OCSP, chains, PKCS#7, PKITS: what may lie in a CA's folder."""

_EXCLUDED = ("PKITS_data/smime/", "PKITS_data/pkcs12/", "PKITS_data/certpairs/", "pkits.ldif")
"""The same certificates once more, in other wrappings."""


def wheel(folder: Path) -> Path:
    """The wheel of the version that fits `cryptography`, fetched into `folder` if need be.

    Raises:
        OSError: there is no way to the package index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"cryptography-vectors=={version('cryptography')}"
    with FileLock(folder / "lock").exclusive():
        found = sorted(folder.glob(f"cryptography_vectors-{version('cryptography')}-*.whl"))
        if not found:
            command: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "-d",
                folder,
                name,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise OSError(f"cannot fetch {name}: {done.stderr[-300:]}")
            found = sorted(folder.glob("cryptography_vectors-*.whl"))
    return found[-1]


class Vectors:
    """The files of the wheel, by their paths in it."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)

    def under(self, *folders: str) -> dict[str, bytes]:
        """Every file in these folders, by its path."""
        root = "cryptography_vectors/"
        return {
            name.removeprefix(root): self._archive.read(name)
            for name in sorted(self._archive.namelist())
            if name.startswith(tuple(root + folder for folder in folders))
            and not name.endswith("/")
            and not any(part in name for part in _EXCLUDED)
        }
