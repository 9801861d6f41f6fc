"""The CEFR levels this suite teaches, and their names."""

from cefr_helpers.core.errors import InputError

LEVELS = ("A1", "A2", "B1", "B2", "C1")

NAMES = {
    "en": {
        "A1": "Breakthrough",
        "A2": "Waystage",
        "B1": "Threshold",
        "B2": "Vantage",
        "C1": "Effective Operational Proficiency",
    },
    "tr": {
        "A1": "Giriş",
        "A2": "Ara Düzey",
        "B1": "Eşik",
        "B2": "İleri",
        "C1": "Etkin Kullanım Yeterliği",
    },
}


def check_level(level: str) -> str:
    """Return `level` if it is one of LEVELS.

    Raises:
        InputError: it is not; levels are upper case, exactly as in LEVELS.
    """
    if level not in LEVELS:
        raise InputError(f"level: {level!r} is not a CEFR level; expected one of {', '.join(LEVELS)}")
    return level


def number(level: str) -> int:
    """Return the level as a number: A1 = 1 ... C1 = 5."""
    return LEVELS.index(check_level(level)) + 1
