"""Update the Japanese catalogue from the source: `python tests/locale/update_messages.py`.

Extracts the messages of this checkout, merges them into `rca.po` and compiles `rca.mo`. A reworded
message keeps its translation, marked fuzzy, with the earlier English above it. Correct it, delete
the word `fuzzy` and run this again.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import denormalize, read_po, write_po

CHECKOUT = Path(__file__).parents[2]
PO = Path("renrakucho_ca", "locale", "ja", "LC_MESSAGES", "rca.po")


def read(po: Path) -> Catalog:
    with po.open("rb") as file:
        return read_po(file, locale="ja", abort_invalid=True)


def write(po: Path, catalog: Catalog) -> None:
    """Write `rca.po`, sorted and unwrapped, so that git merges it well, and `rca.mo`."""
    keep_earlier_english(catalog)
    with po.open("wb") as file:
        write_po(
            file,
            catalog,
            width=0,
            no_location=True,
            sort_output=True,
            ignore_obsolete=True,
            include_previous=True,
        )
    with po.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def update(po: Path, template: Catalog) -> list[str]:
    """Merge the template into the catalogue.

    Returns:
        One line for each message that a translator has to look at, or that was dropped.
    """
    catalog = read(po)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    pair_reworded(catalog)
    write(po, catalog)
    return [
        *(f"no translation: {each.id}" for each in catalog if each.id and not each.string),
        *(f"fuzzy: {each.id}" for each in catalog if each.id and each.fuzzy),
        *(f"dropped: {each.id} = {each.string}" for each in catalog.obsolete.values()),
    ]


def pair_reworded(catalog: Catalog) -> None:
    """Give a new message the translation of the most similar one that is no longer in the source.

    Babel's own matching prefers any similar message, also one that stays.
    """
    gone = {str(each.id): each for each in catalog.obsolete.values()}
    new = [each for each in catalog if each.id and not each.string]
    for message in new:
        for earlier in get_close_matches(str(message.id), gone, n=1):
            message.string = gone[earlier].string
            message.flags.add("fuzzy")
            message.previous_id = [earlier]
            catalog.obsolete.pop(earlier, None)


def keep_earlier_english(catalog: Catalog) -> None:
    """Babel reads `#| msgid` as a translator's comment; on a fuzzy message it is more than that."""
    for message in catalog:
        earlier = [line for line in message.user_comments if line.startswith("| msgid ")]
        if earlier and message.fuzzy:
            message.previous_id = [denormalize(earlier[0].removeprefix("| msgid "))]
        message.user_comments = [line for line in message.user_comments if line not in earlier]


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))  # before an installed copy of the package
    from tests.locale.extract_messages import template

    for line in update(CHECKOUT / PO, template()):
        print(line)
