"""Where a PDK is, and how to get one."""

import os
from pathlib import Path

from voltile.core import TechnologyError

# How to get a PDK.
_SOURCES = {
    "sky130A": "Install it with: pip install ciel && ciel ls-remote --pdk-family sky130 && "
               "ciel enable --pdk-family sky130 VERSION",
    "freepdk45": "Copy the folders in technology/freepdk45/models/tran_models of VLSIDA/OpenRAM "
                 "(GitHub) to FOLDER/freepdk45/libs.tech/ngspice and set PDK_ROOT=FOLDER",
}  # fmt: skip


def find_pdk(name: str) -> Path:
    """Return the PDK root: `$PDK_ROOT`, else the usual places, that holds the folder `name`.

    Raises
    ------
    TechnologyError
        Saying how to install the PDK.
    """
    named = os.environ.get("PDK_ROOT")
    usual = ("~/.ciel", "~/.volare", "/usr/local/share/pdk", "/usr/share/pdk")
    places = [Path(named)] if named else [Path(place).expanduser() for place in usual]
    for place in places:
        if (place / name).is_dir():
            return place.resolve()
    looked = f"PDK_ROOT={named}" if named else "PDK_ROOT (unset) and " + ", ".join(usual)
    raise TechnologyError(
        f"PDK '{name}' not found in {looked}. {_SOURCES.get(name, 'Install it')}; or point "
        f"PDK_ROOT at the folder that holds {name}/"
    )
