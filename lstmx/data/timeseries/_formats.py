"""Formats of dates and times in words of `strptime`, as a text alone allows them.

2020-03-05 10:00     %Y-%m-%d %H:%M
05.03.20             %d.%m.%y, %m.%d.%y or %y.%m.%d: which one, only a whole column can show
"""

import re

DAY_FIRST, MONTH_FIRST, YEAR_FIRST, PLAIN = "day first", "month first", "year first", ""
"""Orders of three numbers; `PLAIN` for formats that leave no choice."""

_S = r"(?P<s>[-/. ])"
_NAME = r"[A-Za-z]{3,9}"
DATES: tuple[tuple[str, dict[str, str]], ...] = (
    (rf"\d{{4}}{_S}\d{{1,2}}(?P=s)\d{{1,2}}", {PLAIN: "%Y{s}%m{s}%d"}),
    (
        rf"\d{{1,2}}{_S}\d{{1,2}}(?P=s)\d{{4}}",
        {DAY_FIRST: "%d{s}%m{s}%Y", MONTH_FIRST: "%m{s}%d{s}%Y"},
    ),
    (
        rf"\d{{1,2}}{_S}\d{{1,2}}(?P=s)\d{{2}}",
        {
            DAY_FIRST: "%d{s}%m{s}%y",
            MONTH_FIRST: "%m{s}%d{s}%y",
            YEAR_FIRST: "%y{s}%m{s}%d",
        },
    ),
    (r"\d{4}(?P<s>[-/.])\d{1,2}", {PLAIN: "%Y{s}%m"}),
    (r"\d{1,2}(?P<s>[-/.])\d{4}", {PLAIN: "%m{s}%Y"}),
    (r"\d{8}", {PLAIN: "%Y%m%d"}),
    (rf"{_NAME}(?P<s>[-/. ]?)\d{{4}}", {PLAIN: "{name}{s}%Y"}),
    (rf"{_NAME}(?P<s>[-/. ]?)\d{{2}}", {PLAIN: "{name}{s}%y"}),
    (rf"\d{{4}}(?P<s>[-/. ]?){_NAME}", {PLAIN: "%Y{s}{name}"}),
    (rf"\d{{1,2}}(?P<s>[-/. ]?){_NAME}(?P=s)\d{{4}}", {PLAIN: "%d{s}{name}{s}%Y"}),
    (rf"\d{{1,2}}(?P<s>[-/. ]?){_NAME}(?P=s)\d{{2}}", {PLAIN: "%d{s}{name}{s}%y"}),
    (rf"\d{{4}}(?P<s>[-/. ]?){_NAME}(?P=s)\d{{1,2}}", {PLAIN: "%Y{s}{name}{s}%d"}),
    (rf"{_NAME} \d{{1,2}}(?P<s>,?) \d{{4}}", {PLAIN: "{name} %d{s} %Y"}),
)
"""Patterns of a date with the formats that they allow; {name} is a month's name, short or long."""
CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?P<c>[:.])\d{2}(?P<second>(?P=c)\d{2})?(?P<part>[.,]\d{1,9})?"
    r"(?P<half>\s?[AaPp][Mm])?"
)
COMPACT = re.compile(r"\d{6}|\d{4}|\d{1,2}")
ZONE = re.compile(r"(?P<gap> ?)(?:(?P<offset>Z|[+-]\d{2}:?\d{2}|[+-]\d{2})|(?P<name>UTC|GMT))")
WORDS = {
    "quarter": re.compile(r"(?P<y>\d{4})[-/ ]?[Qq](?P<q>[1-4])"),
    "quarter first": re.compile(r"[Qq]?(?P<q>[1-4])[Qq]?[-/ ]?(?P<y>\d{4})"),
    "week": re.compile(r"\d{4}-?W\d{2}(?:-?[1-7])?"),
}
"""Times that `strptime` does not know."""
NUMBER = re.compile(r"[-+]?\d*\.?\d*")
_CUT = re.compile(r"[T ,]")


def formats(text: str) -> dict[str, str]:
    """The formats of a text by their order; empty for what is no date.

    A number such as 20200105 or 2020.01 is left to others, as it may be any number.
    """
    text = text.strip()
    if len(text) > 60 or NUMBER.fullmatch(text):
        return {}
    if WORDS["quarter"].fullmatch(text) or _is_quarter_first(text):
        return {PLAIN: "quarter"}
    if WORDS["week"].fullmatch(text):
        return {PLAIN: "week"}
    if found := _date(text):
        return found
    # The date may itself have spaces: cut at every place that a clock can follow.
    for cut in _CUT.finditer(text):
        head, rest = text[: cut.start()], text[cut.start() :]
        gap = re.match(r"T|,? *", rest)
        lead = gap.group() if gap else ""
        dates, clock = _date(head), _clock(rest[len(lead) :])
        if dates and clock:
            return {order: f"{date}{lead}{clock}" for order, date in dates.items()}
    return {}


def is_clock(text: str) -> bool:
    """Whether a text is the time of a day."""
    return bool(CLOCK.fullmatch(text.strip()))


def _is_quarter_first(text: str) -> bool:
    return "q" in text.lower() and bool(WORDS["quarter first"].fullmatch(text))


def _date(text: str) -> dict[str, str]:
    for pattern, found in DATES:
        if match := re.fullmatch(pattern, text):
            name = re.search(_NAME, text)
            month = "%b" if name and len(name.group()) == 3 else "%B"
            parts = {"s": match.groupdict().get("s") or "", "name": month}
            return {order: form.format(**parts) for order, form in found.items()}
    return {}


def _clock(text: str) -> str:
    """The format of a time of a day, with its zone."""
    zone = ""
    if match := re.search(rf"{ZONE.pattern}$", text):
        zone = match["gap"] + ("%z" if match["offset"] else match["name"])
        text = text[: match.start()]
    if COMPACT.fullmatch(text):
        return "%H%M%S"[: max(2, len(text))] + zone
    found = CLOCK.fullmatch(text)
    if not found or (found["part"] and not found["second"]):
        return ""
    mark, half = found["c"], found["half"]
    form = f"{'%I' if half else '%H'}{mark}%M"
    form += f"{mark}%S" if found["second"] else ""
    form += f"{found['part'][0]}%f" if found["part"] else ""
    form += f"{' ' if half[0].isspace() else ''}%p" if half else ""
    return form + zone
