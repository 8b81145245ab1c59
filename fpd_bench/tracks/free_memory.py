"""How much memory this process may still take; needs no torch."""

import resource
from pathlib import Path

CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes() -> int | None:
    """Return the least of what the machine has free, the container's limit and the shell's (ulimit -v); None if
    unknown.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    found = [] if soft == resource.RLIM_INFINITY else [soft]
    for path in CGROUPS:
        if path.is_file() and path.read_text().strip().isdecimal():
            found.append(int(path.read_text()))
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(lines.get("MemAvailable", "0 kB").split()[0]) * 1024)
    return min(found) if found else None
