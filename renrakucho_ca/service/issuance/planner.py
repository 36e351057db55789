"""Plan an issuance: profile, subject, validity, numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from renrakucho_ca import profiles
from renrakucho_ca.bundle import pkcs12
from renrakucho_ca.certificate_profile import DeviceProfile
from renrakucho_ca.clock import Randomness, years_after
from renrakucho_ca.errors import Refused
from renrakucho_ca.model import LONGEST_NOTE, Hierarchy, RetrievalNumber, User
from renrakucho_ca.pki import csr, keys
from renrakucho_ca.pki.contents import Validity, serial_number
from renrakucho_ca.profiles import subjects
from renrakucho_ca.service.ca.distribution import distribution
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance.certificate_maker import Task
from renrakucho_ca.store.tables import users
from renrakucho_ca.store.tables.pending_issuance import PendingIssuance
from renrakucho_ca.text import clean_text


class Succession(Enum):
    """The treatment of a certificate that gets a successor."""

    MIGRATES = "it stays valid until the cut-off; a bundle never downloaded is withdrawn"
    REPLACED = "it is revoked at once"
    KEPT = "it stays"


@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """A request for one certificate.

    Attributes:
        device: a profile's name.
        public_key: SubjectPublicKeyInfo in DER, if the private key stays with the user (`--csr`).
        supersedes: the predecessor; its user is known by the id alone.
        succession: the treatment of the predecessor.
    """

    user: User
    device: str
    note: str | None = None
    public_key: bytes | None = None
    supersedes: RetrievalNumber | None = None
    succession: Succession = Succession.KEPT

    @classmethod
    def parse(
        cls, user: User, device: str, note: str | None = None, request: bytes | None = None
    ) -> IssuanceRequest:
        """Check a request from outside.

        Args:
            request: a PKCS#10 in PEM or DER.

        Raises:
            Invalid: the note is too long or unprintable, or the PKCS#10 is not one.
        """
        if note is not None and not note.strip():
            note = None
        return cls(
            user=user,
            device=device,
            note=None if note is None else clean_text(note, what="note", longest=LONGEST_NOTE),
            public_key=None if request is None else keys.to_spki(csr.load(request)),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with pending issuance and maker task; `user` is completed from the store."""

    request: IssuanceRequest
    user: User
    pending: PendingIssuance
    task: Task


class Planner:
    """Plans for one issuing CA at one moment."""

    def __init__(self, home: Home, hierarchy: Hierarchy, now: datetime) -> None:
        self.hierarchy = hierarchy
        self.now = now
        self._home = home
        self._authority = hierarchy.issuing
        self._profiles: dict[str, tuple[DeviceProfile, datetime]] = {}

    def plan(self, request: IssuanceRequest) -> Plan:
        """Plan a certificate under new numbers.

        Raises:
            NotFound: no such kind of device. Invalid: a name that the profile refuses.
            Refused: the certificate would outlive its issuer.
        """
        profile, end = self._profile(request.device)
        settings, hierarchy = self._home.settings, self.hierarchy
        user = users.merged(self._home.db, request.user)
        number = draw_number(self._home.random)
        serial = serial_number(self._home.random)
        network = user.network or settings.network
        words = {
            "user": user.id,
            "name": user.name,
            "facility": user.facility,
            "network": network,
            "organization": settings.organization,
            "device": profile.name,
            "hierarchy": hierarchy.name,
            "number": number,
        }
        subject = subjects.render(profile.subject, words)
        return Plan(
            request=request,
            user=user,
            pending=PendingIssuance(
                number=number,
                authority=self._authority.id,
                serial=serial,
                user=user.id,
                device=request.device,
                profile=profile.name,
                subject=", ".join(f"{attribute}={value}" for attribute, value in subject),
                at=self.now,
                not_after=end,
                supersedes=request.supersedes,
            ),
            task=Task(
                number=number,
                serial=serial,
                profile=profile,
                subject=subject,
                validity=Validity(self.now, end),
                distribution=distribution(settings, hierarchy.name, self._authority.tier),
                friendly_name=f"{network} {user.id}"[: pkcs12.LONGEST_FRIENDLY_NAME],
                public_key=request.public_key,
            ),
        )

    def _profile(self, device: str) -> tuple[DeviceProfile, datetime]:
        """Return the profile, and the end of a certificate issued by it now."""
        if device not in self._profiles:
            profile = profiles.load(self._home.profiles, device)
            self._profiles[device] = profile, self._end(profile)
        return self._profiles[device]

    def _end(self, profile: DeviceProfile) -> datetime:
        """Return the same local date, the profile's number of calendar years later."""
        local = self.now.astimezone(self._home.settings.zone)
        end = years_after(local, profile.validity_years).astimezone(UTC)
        if end > self._authority.not_after:
            raise Refused(
                "a certificate valid until {end} would outlive its issuer, which expires on "
                "{issuer_end}",
                hint="create a new hierarchy, or shorten validity_years in the profile {profile}",
                end=end.date(),
                issuer_end=self._authority.not_after.date(),
                profile=profile.name,
            )
        return end


def draw_number(random: Randomness) -> RetrievalNumber:
    """Draw an equally likely retrieval number: draws past the last full range are repeated."""
    count = RetrievalNumber.HIGHEST - RetrievalNumber.LOWEST + 1
    while (drawn := int.from_bytes(random(4), "big")) >= 2**32 - 2**32 % count:
        pass
    return RetrievalNumber(RetrievalNumber.LOWEST + drawn % count)
