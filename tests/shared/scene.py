"""A home made by the real services, and the devices in it as real programs get to see them."""

from __future__ import annotations

import plistlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import KeyAlgorithm, RetrievalNumber, RevocationReason, User
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.revocation import revocation
from tests.shared.homes import make_home, open_home
from tests.shared.programs import must

P12_DEVICES = ("windows", "mac", "android", "tablet")
DEVICES = (*P12_DEVICES, "iphone", "ipad")
HIERARCHIES = {"old": None, "new": None, "rsa": KeyAlgorithm.RSA_3072}
"""Made of the keys that the profiles say, or of these."""

ADDRESS = "https://ca.example.jp"


@dataclass
class MovableClock:
    """The present, or as long before it as a test wants."""

    ago: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) - self.ago


@dataclass(frozen=True)
class Device:
    """What a user has in hand, and the same as PEM files for programs that want those.

    Attributes:
        p12: the file; for an iPhone the one inside the configuration profile.
        pem: key, leaf and the chain that the file brings.
    """

    number: RetrievalNumber
    serial: int
    hierarchy: str
    password: str
    p12: Path
    pem: Path
    leaf: Path


@dataclass
class Network:
    """A home with what operators do in it, each a call of the service that the command calls."""

    folder: Path
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.home = make_home(self._home, self.clock, hierarchies=())
        self.public = self.home.public
        self._files = self.folder / "devices"
        self._files.mkdir(parents=True)
        self._add_profile("tablet", "p12: compat", "p12: modern")
        self._add_profile("visitor", "validity_years: 10", "validity_years: 1")

    @property
    def _home(self) -> Path:
        return self.folder / "home"

    def set(self, setting: str, value: str) -> None:
        """Sets in `rca.yaml` what a new home leaves at null."""
        path = self.home.path / "rca.yaml"
        text = path.read_text("utf-8")
        assert text.count(f"\n{setting}: null\n") == 1
        path.write_text(text.replace(f"{setting}: null", f"{setting}: {value}"), "utf-8")
        self.home = open_home(self._home, self.clock)

    def _add_profile(self, name: str, old: str, new: str) -> None:
        """As an operator adds a kind of device: a file of another name, changed."""
        text = (profiles.shipped() / "android.yaml").read_text("utf-8")
        assert text.count(old) == 1
        (self.home.profiles / f"{name}.yaml").write_text(text.replace(old, new), "utf-8")

    def create(self, name: str, key_algorithm: KeyAlgorithm | None = None) -> None:
        creation.create(self.home, name, key_algorithm=key_algorithm)

    def device(self, hierarchy: str, kind: str = "android") -> Device:
        """Issues and exports one."""
        request = IssuanceRequest.parse(User.parse("suzuki", name="鈴木 花子"), kind)
        (issued,) = issuance.issue(self.home, [request], hierarchy)
        assert not isinstance(issued, RcaError), issued
        number = issued.certificate.number
        _, files = retrieval.export(self.home, [number], self._files)
        p12 = files[number]
        if p12.suffix == ".mobileconfig":
            payloads = plistlib.loads(p12.read_bytes())["PayloadContent"]
            (inner,) = (each for each in payloads if each["PayloadType"].endswith("pkcs12"))
            p12 = p12.with_suffix(".p12")
            p12.write_bytes(inner["PayloadContent"])
        opened = must(
            "openssl", "pkcs12", "-in", p12, "-passin", "stdin", "-noenc", stdin=issued.password
        )
        pem, leaf = p12.with_suffix(".pem"), p12.with_suffix(".leaf.pem")
        pem.write_text(opened, "utf-8")
        must("openssl", "x509", "-in", pem, "-out", leaf)
        return Device(number, issued.certificate.serial, hierarchy, issued.password, p12, pem, leaf)

    def revoke(self, device: Device) -> None:
        (outcome,) = revocation.revoke(self.home, [device.number], RevocationReason.KEY_COMPROMISE)
        outcome.unwrap()

    def hold(self, device: Device) -> None:
        revocation.hold(self.home, device.number)

    def release(self, device: Device) -> None:
        revocation.release(self.home, device.number)

    def publish(self, *, trust_clock: bool = False) -> None:
        publication.publish(self.home, trust_clock=trust_clock)


@dataclass(frozen=True)
class Scene:
    """Two homes, one of them with a public address in its certificates, and devices in the first.

    Attributes:
        fresh: one of each kind, of the hierarchy `new`.
        by_state: one in each state and hierarchy, as `new good`.
    """

    network: Network
    addressed: Network
    fresh: dict[str, Device]
    by_state: dict[str, Device]

    @classmethod
    def make(cls, folder: Path) -> Scene:
        network = Network(folder / "plain", clock=MovableClock(timedelta(days=2 * 366)))
        for name, key_algorithm in HIERARCHIES.items():
            network.create(name, key_algorithm)
        by_state = {f"{name} expired": network.device(name, "visitor") for name in HIERARCHIES}
        network.clock.ago = timedelta()
        for name in HIERARCHIES:
            for state in ("good", "revoked", "held", "released"):
                by_state[f"{name} {state}"] = network.device(name)
            network.revoke(by_state[f"{name} revoked"])
            network.hold(by_state[f"{name} held"])
            network.hold(by_state[f"{name} released"])
        network.publish()
        for name in HIERARCHIES:
            network.release(by_state[f"{name} released"])
        network.publish()

        addressed = Network(folder / "addressed")
        addressed.set("public_url", ADDRESS)
        addressed.create("new")
        addressed.revoke(addressed.device("new"))
        addressed.publish()
        return cls(
            network, addressed, {kind: network.device("new", kind) for kind in DEVICES}, by_state
        )
