"""Create a complete home to try: both hierarchies and a certificate for each kind of device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.clock import Clock, Randomness, system_clock, system_randomness
from renrakucho_ca.errors import Conflict
from renrakucho_ca.model import RetrievalNumber, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.outcome import unwrap
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.store import files

_NETWORK, _ORGANIZATION = "見本市", "見本市役所"
_USER = "suzuki"


@dataclass(frozen=True, slots=True)
class Started:
    """The new home, a certificate for each kind of device, and the exported bundles."""

    home: Home
    passphrase_file: Path
    issued: list[Issued]
    files: dict[RetrievalNumber, Path]


def quickstart(
    folder: Path,
    progress: Callable[..., None],
    clock: Clock = system_clock,
    random: Randomness = system_randomness,
) -> Started:
    """Create the home without asking. Raises Conflict if the folder is a file or not empty.

    Args:
        progress: called with a message template and its values before each step.
    """
    files.make_folder(folder)
    if any(folder.iterdir()):
        raise Conflict(
            "{folder} is not empty", hint="name a new folder: rca quickstart DIR", folder=folder
        )
    secret = random(24).hex().encode()
    home = Home(folder, lambda is_new: secret, clock, random)

    progress("creating settings, profiles and store")
    home.create(_NETWORK, _ORGANIZATION)
    passphrase_file = folder / "passphrase"
    files.write(passphrase_file, secret + b"\n", new=True)
    for name in ("old", "new"):
        progress("creating the hierarchy {name}", name=name)
        creation.create(home, name, common_name=f"{name}.ecn.example.jp")

    progress("issuing a certificate for each kind of device")
    devices = profiles.names(home.profiles)
    user = User.parse(_USER, name="鈴木 花子", facility="見本訪問看護ステーション")
    results = issuance.issue(
        home, [IssuanceRequest.parse(user, device) for device in devices], "new"
    )
    issued = [unwrap(result) for result in results]
    numbers = [each.certificate.number for each in issued]
    outcomes, exported = retrieval.export(home, numbers, folder / "handout")
    for outcome in outcomes:
        outcome.unwrap()
    publication.publish(home)
    return Started(home, passphrase_file, issued, exported)
