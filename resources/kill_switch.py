"""The switch that stops all submissions: a setting, and a file that anybody can make while a run goes on."""

from dataclasses import dataclass
from pathlib import Path

FILE = "TRADING_OFF"
BY_SETTING = "trading is switched off (LEARNFINANCE_TRADING=off)"


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Asked before each single order."""

    off: bool
    """By setting."""
    folder: Path
    """Where the file is looked for: the data folder, of all markets."""

    def __call__(self) -> str:
        """Why trading is switched off now; empty while it is on. A file of which nothing can be learned is there."""
        if self.off:
            return BY_SETTING
        try:
            (self.folder / FILE).lstat()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"trading is switched off: whether the file {FILE} is there cannot be told ({error.strerror})"
        return f"trading is switched off (the file {FILE} in the data folder)"
