"""Text files in any encoding -> UTF-8: the encoding is named or proven, never guessed.

A file is UTF-16 if it begins with such a byte order mark, else UTF-8 if every byte is, else what
the project names. A named encoding that the bytes do not bear out is an error with file, line and
byte; so is one under which they would turn into gibberish without an error.
"""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from retention.errors import DataError, ProjectError

__all__ = ["ENCODINGS", "Proof", "prove", "recode"]

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "big5", "shift_jis")
_SINGLE_BYTE = ("windows-1252", "latin-1", "windows-1250", "windows-1251", "iso-8859-15")
_NAMES = {
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf16": "utf-16",
    "cp1252": "windows-1252",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "gb2312": "gbk",
    "cp936": "gbk",
}
_CHUNK = 1 << 20
_HIGH = re.compile(rb"[\x80-\xff]+")
# up to three letters of Western languages side by side, as in "größer" or "créée"; without eth and
# thorn, which are rare, and half of the commonest Chinese characters
_LETTERS = re.compile(
    rb"[\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xcf\xd1-\xd6\xd8-\xdd\xdf-\xef\xf1-\xf6\xf8-\xfd\xff]{2,3}"
)


@dataclass(frozen=True)
class Proof:
    """What the bytes of a file were proven to be.

    Parameters
    ----------
    encoding : str
        A codec of Python.
    plain : bool
        UTF-8 already, so that it can be read as it lies.
    """

    encoding: str
    plain: bool


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, or what a gzip file holds."""
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def prove(path: Path, table: str, named: str = "") -> Proof:
    """Find out how a file is encoded.

    Raises
    ------
    DataError
        If the bytes are not what is named, or nothing is named and they are not UTF-8.
    ProjectError
        If the name is unknown.
    """
    encoding = _known(table, named)
    with open_bytes(path) as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if encoding not in ("", "utf-16", "utf-16-le", "utf-16-be"):
            raise DataError(
                f"table {table}: {path.name} begins with the mark of UTF-16, but [tables.{table}] "
                f"names {named}; take encoding out"
            )
        _decode(path, table, "utf-16")
        return Proof("utf-16", plain=False)
    if encoding in ("", "utf-8"):
        _decode(path, table, "utf-8")
        return Proof("utf-8-sig", plain=True)
    if encoding == "utf-16":
        raise DataError(
            f"table {table}: {path.name} has no byte order mark; name utf-16-le or utf-16-be under "
            f"[tables.{table}]"
        )
    _refuse_gibberish(path, table, encoding)
    _decode(path, table, encoding)
    return Proof(encoding, plain=False)


def recode(path: Path, proof: Proof, target: Path) -> Path:
    """Write a proven file as UTF-8 and return where it then lies."""
    if proof.plain:
        return path
    decoder = codecs.getincrementaldecoder(proof.encoding)()
    with target.open("w", encoding="utf-8", newline="") as out:
        for chunk in _chunks(path):
            out.write(decoder.decode(chunk))
        out.write(decoder.decode(b"", final=True))
    return target


def _known(table: str, named: str) -> str:
    name = named.strip().lower().replace("_", "-")
    name = _NAMES.get(name, name)
    if name and name not in (*ENCODINGS, *_SINGLE_BYTE):
        raise ProjectError(
            f"[tables.{table}] encoding {named!r} is unknown; known: "
            f"{', '.join((*ENCODINGS, *_SINGLE_BYTE))}"
        )
    return name


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with open_bytes(path) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name} is a damaged gzip file: {error}") from error


def _decode(path: Path, table: str, encoding: str) -> None:
    """Decode a whole file strictly; the error names line and byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done, lines = 0, 0
    for chunk in _chunks(path):
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise _wrong(path, table, encoding, error, pending, done, lines) from error
        done += len(chunk)
        lines += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"table {table}: {path.name} ends in the middle of a character "
            f"(byte {done:,}, line {lines + 1:,}); the file is cut off"
        ) from error


def _wrong(
    path: Path,
    table: str,
    encoding: str,
    error: UnicodeDecodeError,
    pending: bytes,
    done: int,
    lines: int,
) -> DataError:
    seen = error.object if isinstance(error.object, bytes) else b""
    position = done - len(pending) + error.start
    line = lines + seen[: error.start].count(b"\n") + 1
    return DataError(
        f"table {table}: {path.name} is not {encoding}: byte 0x{seen[error.start]:02x} at position "
        f"{position:,}, line {line:,}; name the file's encoding under [tables.{table}], such as "
        'encoding = "windows-1252" or "gb18030"'
    )


def _refuse_gibberish(path: Path, table: str, encoding: str) -> None:
    """Raise where the bytes would decode as named, but plainly are something else."""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    is_utf8, high, runs, where, done = True, 0, 0, -1, 0
    nul = False
    for chunk in _chunks(path):
        if is_utf8:
            try:
                utf8.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
        for found in _HIGH.finditer(chunk):
            size = found.end() - found.start()
            high += size
            runs += size if size > 1 and not _LETTERS.fullmatch(found[0]) else 0
            where = done + found.start() if where < 0 else where
        nul |= b"\0" in chunk
        done += len(chunk)
    wide = encoding.startswith("utf-16")
    if is_utf8 and ((high and not nul) or (wide and not nul)):
        raise DataError(
            f"table {table}: {path.name} is UTF-8 (first such character at byte "
            f"{max(where, 0):,}), but [tables.{table}] names {encoding}; take encoding out"
        )
    if encoding in ("windows-1252", "latin-1", "iso-8859-15") and high >= 8 and runs > high / 2:
        raise DataError(
            f"table {table}: {path.name} does not read as {encoding}: from byte {where:,} on, most "
            "characters beyond ASCII stand side by side, as in Chinese or Cyrillic text; name the "
            'true encoding, such as "gb18030" or "windows-1251"'
        )
    if encoding == "latin-1":
        _refuse_control(path, table)


def _refuse_control(path: Path, table: str) -> None:
    """Latin-1 gives every byte a character, but nobody writes those from 0x80 to 0x9f."""
    done, lines = 0, 0
    for chunk in _chunks(path):
        if found := re.search(rb"[\x80-\x9f]", chunk):
            line = lines + chunk[: found.start()].count(b"\n") + 1
            raise DataError(
                f"table {table}: {path.name} is not latin-1: byte 0x{found[0][0]:02x} at position "
                f"{done + found.start():,}, line {line:,}; it may be windows-1252"
            )
        done += len(chunk)
        lines += chunk.count(b"\n")
