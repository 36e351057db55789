"""A home with mail settings, and everything that lies in a folder."""

from __future__ import annotations

from pathlib import Path

from renrakucho_ca.service.home import Home

from .post_office import PostOffice

PASSPHRASE = b"canary passphrase"
USER, PASSWORD = "rca", "canary login password"


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


def secured(home: Home, office: PostOffice, *, password: str = PASSWORD) -> Home:
    """The home with a login for that server."""
    (home.path / "smtp.password").write_text(password + "\n")
    security = "tls" if office.implicit else "starttls"
    return set_mail(
        home,
        f"host: 127.0.0.1\n  port: {office.port}\n  security: {security}\n"
        f"  user: {USER}\n  password_file: smtp.password",
    )


def everything_in(folder: Path) -> bytes:
    """All bytes of all files below a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
