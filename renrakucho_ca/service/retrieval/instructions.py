"""Installation steps for each kind of device, for the web pages, mails and hand-over sheets.

The texts are keys of the catalogue. Placeholders: `{file}` (the downloaded file), `{root}` (common
name under which a device lists the root), `{end}` (last day of the old certificate).
"""

from __future__ import annotations

from dataclasses import dataclass

from renrakucho_ca.model import Container


@dataclass(frozen=True, slots=True)
class Instructions:
    """The steps for one kind of device.

    Attributes:
        install: from the downloaded file to the first login.
        delete: to remove the old certificate; may be empty.
    """

    install: tuple[str, ...]
    delete: tuple[str, ...]


TITLES = {
    "windows": "Windows",
    "mac": "Mac",
    "iphone": "iPhone",
    "ipad": "iPad",
    "android": "Android",
}
"""The kinds of device with instructions of their own, and their names."""


def for_device(device: str, container: Container) -> Instructions:
    """Return the steps for a kind of device; for an unknown one, its kind of file decides."""
    return _BY_DEVICE.get(device) or _BY_CONTAINER[container]


_RESTART = "Close the browser, open it again, and log in to the portal."

_WINDOWS = Instructions(
    install=(
        "Open the downloaded file {file}. The Certificate Import Wizard starts.",
        "Leave “Current User” selected, and press “Next” twice.",
        "Type the retrieval password, and press “Next”.",
        "Leave “Automatically select the certificate store” selected, and press “Next”, then "
        "“Finish”. If a security warning appears, press “Yes”.",
        _RESTART,
    ),
    delete=(
        "Press the Windows key, type certmgr.msc, and press Enter.",
        "Open “Personal”, then “Certificates”.",
        "Right-click the one that expires on {end}, and choose “Delete”.",
    ),
)

_MAC = Instructions(
    install=(
        "Open the downloaded file {file}. Keychain Access starts. If it asks for a keychain, "
        "choose “login”.",
        "Type the retrieval password, and press “OK”.",
        _RESTART,
    ),
    delete=(
        "Open Keychain Access, and choose “login”, then “My Certificates”.",
        "Control-click the one that expires on {end}, and choose “Delete”.",
    ),
)

_IPHONE = Instructions(
    install=(
        "Safari asks whether to download a configuration profile: tap “Allow”, then “Close”.",
        "Within 8 minutes, open “Settings” and tap “Profile Downloaded” at the top. If it is not "
        "there: “General”, then “VPN & Device Management”.",
        "Tap “Install”, type the passcode of the device, and tap “Install” again.",
        "Type the retrieval password, and tap “Next”, then “Done”.",
        "In “Settings”, open “General”, “About”, “Certificate Trust Settings”, and switch on "
        "{root}.",
        "Open Safari, and log in to the portal.",
    ),
    delete=(
        "Open “Settings”, “General”, “VPN & Device Management”.",
        "Tap the profile whose certificate expires on {end} (“More Details” shows it).",
        "Tap “Remove Profile”, and type the passcode of the device.",
    ),
)

_ANDROID = Instructions(
    install=(
        "Open the downloaded file {file}, from the notification or in “Files”, “Downloads”.",
        "Type the retrieval password, and tap “OK”.",
        "Choose “VPN & app user certificate”, and tap “OK”.",
        "Give it any name, and tap “OK”.",
        _RESTART,
    ),
    delete=(
        "Open “Settings”, “Security & privacy”, “More security & privacy”, “User credentials”.",
        "Tap the one that was there before, and tap “Uninstall”.",
    ),
)

_BY_DEVICE = {
    "windows": _WINDOWS,
    "mac": _MAC,
    "iphone": _IPHONE,
    "ipad": _IPHONE,
    "android": _ANDROID,
}

_BY_CONTAINER = {
    Container.MOBILECONFIG: _IPHONE,
    Container.P12: Instructions(
        install=(
            "Open the downloaded file {file} in the settings for certificates of the device.",
            "Type the retrieval password when you are asked for a password.",
            _RESTART,
        ),
        delete=("In the same settings, delete the one that expires on {end}.",),
    ),
    Container.PEM: Instructions(
        install=("Give the downloaded file {file} to the program that has the key.",),
        delete=(),
    ),
}
