"""The stand-alone verifier; every bundle carries a copy of its one file."""

from pathlib import Path
from typing import Final

VERIFIER_FILE: Final = Path(__file__).with_name("verify.py")
