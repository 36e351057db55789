"""Tables as people's spreadsheets write them."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from renrakucho_ca.errors import Invalid
from renrakucho_ca.service.issuance import batch
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.tabular import csv_table

COLUMNS = {"user": True, "name": False, "device": True, "note": False}
HEADER = "利用者ID,氏名,端末種別,備考"
ROW = "suzuki,髙﨑①㈱,iphone,予備"
VALUES = {"user": "suzuki", "name": "髙﨑①㈱", "device": "iphone", "note": "予備"}


def rows(path: Path, content: bytes) -> list[csv_table.Row]:
    file = path / "table.csv"
    file.write_bytes(content)
    return list(csv_table.read(file, COLUMNS))


def said(rows: list[csv_table.Row]) -> list[tuple[int, str]]:
    return [(number, str(row) if isinstance(row, Invalid) else row["user"]) for number, row in rows]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (b"", "cp932"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_every_encoding_that_excel_writes_is_read(
    tmp_path: Path, mark: bytes, encoding: str, line_end: str, delimiter: str
) -> None:
    text = (line_end.join([HEADER, ROW]) + line_end).replace(",", delimiter)
    assert rows(tmp_path, mark + text.encode(encoding)) == [(2, VALUES)]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_sep_line_sets_the_delimiter(tmp_path: Path, first: str) -> None:
    text = f"{first}\nuser;name,or so;device\na;b,c,d;mac\n".replace(",or so", "")
    table = rows(tmp_path, text.encode())
    assert said(table) == [(3, "a")]
    assert table[0][1]["name"] == "b,c,d"  # type: ignore[index]


def test_a_spreadsheets_text_marker_is_removed(
    tmp_path: Path,
) -> None:
    text = 'user,name,device,note\n\'0012,\'=Suzuki,"=""mac""",\'24年 製\n\'a\'b,x,mac,\n'
    first, second = (row for _, row in rows(tmp_path, text.encode()))
    assert first == {"user": "0012", "name": "=Suzuki", "device": "mac", "note": "'24年 製"}
    assert second["user"] == "'a'b"  # type: ignore[index]


def test_the_mark_that_old_programs_end_a_file_with_is_no_row(tmp_path: Path) -> None:
    assert said(rows(tmp_path, b"user,device\r\na,mac\r\n\x1a")) == [(2, "a")]


@pytest.mark.parametrize(
    "header", ["user,name,device,note", " User ,NAME,Device,note", "利用者ＩＤ,氏 名,端末種別,備考"]
)
def test_a_column_name_is_recognised_in_both_languages_any_width_and_case(
    tmp_path: Path, header: str
) -> None:
    assert rows(tmp_path, f"{header}\n{ROW}".encode()) == [(2, VALUES)]


def test_a_field_in_quotes_may_have_line_ends_and_later_rows_keep_their_numbers(
    tmp_path: Path,
) -> None:
    table = rows(tmp_path, b'user,device,note\na,mac,"two\nlines, ""quoted"""\n\nb,mac,\n')
    assert [(number, row["note"]) for number, row in table if not isinstance(row, Invalid)] == [
        (2, 'two\nlines, "quoted"'),
        (5, ""),
    ]


def test_rows_that_are_blank_or_only_commas_are_no_rows(tmp_path: Path) -> None:
    assert said(rows(tmp_path, b"user,device\n\n , \n,\na,mac\n")) == [(5, "a")]


def test_trailing_commas_dropped_by_excel_are_empty_fields(tmp_path: Path) -> None:
    """Some versions of Excel omit trailing empty cells. Required values are never omitted, and a
    single field is a remark."""
    table = rows(tmp_path, b"user,device,note\na,mac\nb,mac,old\nc\n")
    assert said(table) == [(2, "a"), (3, "b"), (4, "1 fields, but 3 columns")]
    assert [row["note"] for _, row in table if not isinstance(row, Invalid)] == ["", "old"]
    table = rows(tmp_path, b"note,user,device\nold,a\n")
    assert said(table) == [(2, "2 fields, but 3 columns")]


def test_surplus_trailing_commas_are_ignored(tmp_path: Path) -> None:
    assert said(rows(tmp_path, b"user,device,,\na,mac,,\nb,mac,,x\n")) == [
        (2, "a"),
        (3, "4 fields, but 2 columns"),
    ]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"b", "1 fields, but 2 columns"),
        (b"b,mac,x", "3 fields, but 2 columns"),
        (b",mac", "user is empty"),
        (b"b,", "device is empty"),
        (b'b,"mac', "a quote is not closed"),
        (b'"b"x,mac', "text follows a closing quote"),
        (b"b,\0", "the line has a NUL character"),
        (b"b," + b"x" * 20_000, "the line has more than 16384 characters"),
        (b"b,\xff\xfe", "the line is not valid UTF-8"),
    ],
)
def test_a_bad_row_is_reported_by_its_line_and_the_others_are_read(
    tmp_path: Path, bad: bytes, why: str
) -> None:
    text = "user,device\n鈴木,mac\n".encode() + bad + b"\nz,mac\n"
    assert said(rows(tmp_path, text)) == [(2, "鈴木"), (3, why), (4, "z")]


def test_in_a_cp932_table_a_bad_letter_is_its_own_line_s_fault(tmp_path: Path) -> None:
    text = "user,device\n鈴木,mac\n".encode("cp932") + b"b,\x81\x20\n" + "山田,mac".encode("cp932")
    assert said(rows(tmp_path, text)) == [
        (2, "鈴木"),
        (3, "the line is not valid CP932"),
        (4, "山田"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"user,device,phone\n", "unknown column 'phone'"),
        (b"user,device,USER\n", "column user appears twice"),
        (b"user\n", "column device is missing"),
        (b'"user,device\na,mac\n', "a quote is not closed"),
        (b"\xff\xfeu", "UTF-16"),
        (bytes(range(256)) * 200, "NUL"),
    ],
)
def test_a_table_with_other_columns_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        rows(tmp_path, content)


def test_the_hint_lists_the_columns_found(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as raised:
        rows(tmp_path, b"user,phone\n")
    assert raised.value.hint is not None
    assert raised.value.hint.format(**raised.value.values) == (
        "use the columns: user, name, device, note"
    )


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="is not a file"):
        next(csv_table.read(tmp_path / "pipe", COLUMNS))


def test_letters_of_windows_beyond_jis_are_read_as_they_stand(tmp_path: Path) -> None:
    """NEC's and IBM's extensions, half-width kana, and dashes that other tables map otherwise."""
    octets = b"\x87\x40 \xfb\xfc \xed\x95 \xbb\xc4 \x81\x60\x81\x5c\x81\x7c"
    text = "user,device,note\r\na,mac,".encode("cp932") + octets + b"\r\n"
    ((_, row),) = rows(tmp_path, text)
    assert not isinstance(row, Invalid)
    assert row["note"] == "\u2460 \u9ad9 \ufa11 \uff7b\uff84 \uff5e\u2015\uff0d"


@pytest.mark.parametrize(
    ("device", "profile"),
    [("iPhone", "iphone"), ("ＷＩＮＤＯＷＳ", "windows"), ("Android ", "android")],
)
def test_in_a_batch_devices_are_written_as_they_are_sold(
    tmp_path: Path, device: str, profile: str
) -> None:
    (tmp_path / "batch.csv").write_bytes(f"利用者ID,端末種別\r\na,{device}\r\n".encode("cp932"))
    ((_, request),) = batch.read_requests(tmp_path / "batch.csv")
    assert isinstance(request, IssuanceRequest)
    assert request.device == profile


@pytest.mark.parametrize(("lines", "read"), [(20, True), (21, False)])
def test_a_row_has_twenty_lines_at_most(tmp_path: Path, lines: int, read: bool) -> None:
    note = "\n".join(map(str, range(lines)))
    table = rows(tmp_path, f'user,device,note\na,mac,"{note}"\nb,mac,\n'.encode())
    first, *rest = said(table)
    assert first == (2, "a" if read else "a quote is not closed")
    assert rest[-1] == (2 + lines, "b")


def test_a_table_beyond_all_tables_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(b"user,device\n")
    os.truncate(file, csv_table.LARGEST_FILE + 1)
    with pytest.raises(Invalid, match="is longer than 536870912 bytes"):
        next(csv_table.read(file, COLUMNS))
