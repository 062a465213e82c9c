"""What a report must pass before it is published: safe, readable, complete, and about nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention.errors import GateError, ProjectError, RetentionError
from retention.estimates import Estimate
from retention.reports.collection import Collected

__all__ = [
    "Gate",
    "check_numbers",
    "check_pages",
    "check_personal",
    "check_size",
    "find_personal",
    "hold",
    "size_limit",
]


@dataclass(frozen=True)
class Gate:
    """One rule and what broke it; `faults` is empty if it holds."""

    name: str
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the rule holds."""
        return not self.faults


REGISTER_LIMIT = "max_register_mb"

# pages --------------------------------------------------------------------------------------------

_ACTIVE = ("script", "iframe", "object", "embed", "link", "form", "base", "audio", "video")
_REMOTE = re.compile(r"url\(\s*['\"]?(?!data:|#)|@import", re.IGNORECASE)


def check_pages(pages: Mapping[str, str], max_bytes: int) -> tuple[Gate, ...]:
    """Check finished pages: nothing remote, nothing active, words for every picture, not too big.

    Parameters
    ----------
    pages : mapping of str to str
        HTML by file name.
    max_bytes : int
        What a page may weigh.
    """
    from bs4 import BeautifulSoup

    remote: list[str] = []
    silent: list[str] = []
    for name, html in pages.items():
        soup = BeautifulSoup(html, features="html.parser")
        remote += [f"{name}: {fault}" for fault in _remote_parts(soup)]
        silent += [
            f"{name}: {tag.name} without words"
            for tag in soup.find_all(["img", "svg"])
            if not str(tag.get("alt") or tag.get("aria-label") or "").strip()
        ]
    return (
        Gate("nothing remote or active", tuple(remote)),
        Gate("words for every picture", tuple(silent)),
        check_size({name: len(html.encode()) for name, html in pages.items()}, max_bytes),
    )


def check_size(sizes: Mapping[str, int], max_bytes: int, name: str = "size") -> Gate:
    """Check what files weigh, in bytes by file name."""
    heavy = (
        f"{file}: {size:,} bytes, at most {max_bytes:,}"
        for file, size in sizes.items()
        if size > max_bytes
    )
    return Gate(name, tuple(heavy))


def _remote_parts(soup: Any) -> Iterator[str]:
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    if policy is None or not policy["content"].startswith("default-src 'none'"):
        yield "no content security policy"
    for tag in soup.find_all(_ACTIVE):
        yield f"<{tag.name}>"
    for tag in soup.find_all(True):
        for attribute, value in tag.attrs.items():
            text = value if isinstance(value, str) else " ".join(value)
            if attribute.startswith("on"):
                yield f"<{tag.name} {attribute}>"
            elif attribute in ("src", "srcset", "poster", "background", "data", "xlink:href"):
                if not text.startswith("data:image/"):
                    yield f"<{tag.name} {attribute}={text[:60]!r}>"
            elif attribute == "href" and not _is_local(text):
                yield f"<{tag.name} href={text[:60]!r}>"
            elif attribute == "style" and _REMOTE.search(text):
                yield f"<{tag.name} style={text[:60]!r}>"
    for style in soup.find_all("style"):
        if _REMOTE.search(style.get_text()):
            yield "<style> with a remote reference"


def _is_local(href: str) -> bool:
    """Whether a link stays within the report."""
    return href.startswith("#") or re.match(r"[a-z][a-z0-9+.-]*:|//", href, re.IGNORECASE) is None


# personal data ------------------------------------------------------------------------------------

_PERSONAL = {
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"),
    "telephone number": re.compile(
        r"(?<![\w.+-])(?:\+\d{1,3}[ ./()-]{0,2}(?:\d[ ./()-]{0,2}){7,12}\d"  # +49 30 1234567
        r"|\(0?\d{2,4}\)[ ]?\d{3,4}[ -]?\d{4}"  # (030) 1234 5678
        r"|0\d{2,4}[/-][ ]?\d{5,8}"  # 030-1234567
        r"|\d{3}-\d{3}-\d{4}"  # 555-867-5309
        r"|1[3-9]\d{9})(?![\w.-])"  # Chinese mobile
    ),
}
_IDENTITY = re.compile(r"(?<![\w.-])\d{17}[\dXx](?![\w.-])|(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w.-])")


def find_personal(text: str) -> Iterator[tuple[str, str]]:
    """Yield what looks like personal data, as (kind, text).

    Long numbers count only if their check digit is right, so that an amount is not taken for a
    card.

    Examples
    --------
    >>> list(find_personal("write to jo@example.com, order 4711, 1,234,567.89 EUR"))
    [('e-mail address', 'jo@example.com')]
    """
    for kind, pattern in _PERSONAL.items():
        for match in pattern.finditer(text):
            yield kind, match.group()
    for match in _IDENTITY.finditer(text):
        if "-" in match.group() or _is_resident(match.group()):
            yield "identity number", match.group()
    for match in _IBAN.finditer(text):
        if _is_iban(match.group().replace(" ", "")):
            yield "bank account", match.group()
    for match in _CARD.finditer(text):
        if _is_card(re.sub(r"\D", "", match.group())):
            yield "card number", match.group()


def _is_resident(number: str) -> bool:
    """Whether a number of 18 places is that of a Chinese resident (GB 11643, ISO 7064 mod 11-2)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_iban(number: str) -> bool:
    """Whether a text is a bank account number (ISO 13616, mod 97)."""
    turned = number[4:] + number[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _is_card(number: str) -> bool:
    """Whether a number passes Luhn's test and begins like a payment card."""
    digits = [int(digit) for digit in reversed(number)]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and number[0] in "3456"


def check_personal(texts: Mapping[str, str]) -> Gate:
    """Check what is to be published for personal data; pages are read as a reader sees them."""
    faults = []
    for name, text in texts.items():
        plain = _visible(text) if name.endswith(".html") else text
        for kind, found in find_personal(plain):
            faults.append(f"{name}: {kind} {_masked(found)}")
    return Gate("no personal data", tuple(dict.fromkeys(faults)))


def _visible(html: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, features="html.parser")
    for tag in soup.find_all("style"):
        tag.decompose()
    words = [str(tag.get(key, "")) for tag in soup.find_all(True) for key in _SPOKEN]
    return "\n".join([soup.get_text("\n"), *words])


_SPOKEN = ("alt", "title", "aria-label", "href")


def _masked(text: str) -> str:
    """Return a text that tells the analyst where to look, and nobody who it is."""
    return text[:2] + "…" + text[-2:]


# numbers ------------------------------------------------------------------------------------------


_EMPTY = re.compile(r"\b(nan|inf|None(?! of ))\b")  # a number that is none, written out


def check_numbers(collected: Sequence[Collected], minimum_n: int) -> tuple[Gate, ...]:
    """Check numbers of record: finite, inside their intervals, not from few customers, all there.

    Parameters
    ----------
    collected : sequence of Collected
        What the notebooks brought.
    minimum_n : int
        Fewer customers than this, and no number is shown.
    """
    unsound: list[str] = []
    small: list[str] = []
    absent: list[str] = []
    empty: list[str] = []
    for part in collected:
        names: set[str] = set()
        for answer in part.answers:
            where = f"{part.article.name}: {answer.name}"
            names |= answer.estimates.keys()
            of_customers = {
                name: record
                for name, record in answer.estimates.items()
                if name not in part.article.not_customers
            }
            small += [f"{where}: {fault}" for fault in _small(of_customers, minimum_n)]
            unsound += [f"{where}: {fault}" for fault in _unsound(answer.estimates)]
            if not answer.headline.strip() or _EMPTY.search(answer.headline):
                empty.append(f"{where}: {answer.headline!r}")
        absent += [
            f"{part.article.name}: {name}"
            for name in (*part.article.key_figures, *part.article.money_at_stake)
            if not name.endswith("?") and name not in names
        ]
    return (
        Gate("numbers finite and in order", tuple(unsound)),
        Gate("no small cells", tuple(small)),
        Gate("required numbers present", tuple(absent)),
        Gate("headlines say something", tuple(empty)),
    )


def _unsound(estimates: Mapping[str, Any]) -> Iterable[str]:
    for name, record in estimates.items():
        try:
            Estimate(**record)
        except (RetentionError, TypeError) as error:
            yield f"{name}: {error}"


def _small(estimates: Mapping[str, Any], minimum_n: int) -> Iterable[str]:
    for name, record in estimates.items():
        if record.get("value") is not None and record.get("n", 0) < minimum_n:
            yield f"{name} is shown for n {record.get('n')}, fewer than {minimum_n}"


def hold(gates: Iterable[Gate]) -> None:
    """Stop if a gate did not pass.

    Raises
    ------
    GateError
        With the first faults; nothing is to be published then.
    """
    faults = [f"{gate.name}: {fault}" for gate in gates for fault in gate.faults]
    if faults:
        raise GateError("; ".join(faults[:5]) + (f"; {len(faults) - 5} more" if faults[5:] else ""))


def size_limit(settings: Mapping[str, Any], key: str = "max_size_mb") -> int:
    """Return what a page may weigh, in bytes: ``max_size_mb`` of the project, or 2 MB.

    Raises
    ------
    ProjectError
        If the project gives no number above 0.
    """
    given = settings.get(key, 2)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e6:
        raise ProjectError(f"[report] {key} must be a number of megabytes above 0, not {given!r}")
    return int(given * 1_000_000)
