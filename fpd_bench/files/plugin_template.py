"""A copy of the example package of plugins under a name of one's own."""

import re
from pathlib import Path

from fpd_bench.errors import ConfigError
from fpd_bench.files import shipped

OLD = "outside"  # in the template: package fpd_outside, distribution fpd-outside, track and sweep `outside`
LEFT_OUT = ("__pycache__", ".egg-info", ".dist-info", "/build/", "/results/")
OWN = ("sharp", "imitate", "bright_share")  # names of plugins, which only one installed package may have


def write_plugin(name: str, into: Path) -> Path:
    """Write the package fpd-NAME below `into`; return its folder. Raises ConfigError for a name that no package can
    have, and for a folder that is there."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ConfigError(f"'{name}' cannot be the name: write 2 to 31 small letters, digits or _, like glare.")
    if into.exists() and not into.is_dir():
        raise ConfigError(f"--into '{into}' is not a folder.")
    template, target = shipped.folder("plugin"), into / f"fpd-{name}"
    if target.exists():
        raise ConfigError(f"'{target}' is there already. Choose another name, or another folder with --into DIR.")
    for source in sorted(template.rglob("*")):
        if source.is_file() and not any(part in f"{source}/" for part in LEFT_OUT):
            path = target / _renamed(source.relative_to(template).as_posix(), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_renamed(source.read_text(encoding="utf-8"), name), encoding="utf-8")
    return target


def _renamed(text: str, name: str) -> str:
    """Put the new name in place of the template's, and before the names of its plugins."""
    for own in OWN:
        places = rf"(?<=[\"=,.]){own}(?=[\".,\]])|^{own}(?= = )|(?<=: ){own}(?=[}}\n])"  # not where it is a word
        text = re.sub(places, f"{name}_{own}", text, flags=re.M)
    return text.replace(OLD, name).replace(OLD.capitalize(), name.capitalize()).replace(OLD.upper(), name.upper())
