"""LibreOffice without its windows: what it makes of a file, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_libreoffice = pytest.mark.skipif(
    not shutil.which("soffice"), reason="LibreOffice is not installed (apt-get install libreoffice-calc)"
)

AS_TEXT = "CSV:44,34,76,1,,0,true"
"""Commas, double quotes, UTF-8, from the first line; what stands in quotes is text."""
HOSTILE = "CSV:44,34,76,1,,0,false,true,false,false,false,-1,true"
"""The same with every setting that lets a file do most: numbers and formulas are looked for in quotes too."""


def opened_by_libreoffice(folder: Path, *files: Path, read_as: str = "") -> list[Path]:
    """What LibreOffice makes of the files, as flat XML in the folder."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    options = [f"--infilter={read_as}"] if read_as else []
    subprocess.run(
        ["soffice", profile, "--headless", *options, "--convert-to", "fods", "--outdir", folder, *files],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return [folder / f"{file.stem}.fods" for file in files]
