"""Amounts as people read them: counts, bytes and seconds."""


def counted(count: int, noun: str) -> str:
    """Returns a count of things, such as `1 picture`, `3,888 pictures` or `2 classes`."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def size_in_words(num_bytes: float) -> str:
    """Returns a number of bytes with its unit, such as `340 MiB`, `1.5 KiB` or `12 bytes`."""
    value = float(num_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1023.5:
            return f"{value:.3g} {unit}" if value < 999.5 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def duration_in_words(seconds: float) -> str:
    """Returns seconds as `5:17`, `3:04:05` or `2 d 3 h`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
