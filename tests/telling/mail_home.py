"""A home with mail settings, and everything that lies in a folder."""

from __future__ import annotations

from pathlib import Path

from renrakucho_ca.service.home import Home

PASSPHRASE = b"canary passphrase"


def set_mail(home: Home, mail: str) -> Home:
    """The same home with other `mail:` settings. It is not stretched anew: that takes 0.2 s."""
    (home.path / "rca.yaml").write_text(
        f"""network: 見本市
organization: "見本市役所 & <co>"
public_url: https://download.example.jp
login_url: https://portal.example.jp
mail:
  sender: 見本市 <ca@example.jp>
  {mail}
""",
        encoding="utf-8",
    )
    again = Home(home.path, lambda is_new: PASSPHRASE, home.clock, home.random)
    again.keystore = home.keystore
    return again


def everything_in(folder: Path) -> bytes:
    """All bytes of all files below a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
