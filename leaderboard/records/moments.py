"""Moments as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime


def parse(text: str, key: str, faults: list[str], end: bool = False) -> datetime | None:
    """A moment as people write it.

    Parameters
    ----------
    text : str
        ISO format; UTC if it names no zone.
    key : str
        Option that it was given for.
    faults : list of str
        Gets a sentence if it is no time.
    end : bool
        Whether a date alone means its last second, else its first.

    Returns
    -------
    datetime or None
        UTC; None with a fault.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        faults.append(f"{key}: {text[:40]!r} is no time such as 2026-12-24 or 2026-12-24T18:00")
        return None
    if end and len(text) <= len("2026-12-24"):
        when = when.replace(hour=23, minute=59, second=59)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def moment(when: datetime) -> str:
    """ISO format, UTC, whole seconds.

    Parameters
    ----------
    when : datetime
        With a zone.

    Examples
    --------
    >>> moment(datetime(2027, 6, 30, 18, tzinfo=UTC))
    '2027-06-30T18:00:00+00:00'
    """
    return when.astimezone(UTC).isoformat(timespec="seconds")


def moment_of(seconds: float) -> str:
    """The same of seconds since 1970.

    Parameters
    ----------
    seconds : float
        Since 1970, UTC.
    """
    return moment(datetime.fromtimestamp(seconds, UTC))
