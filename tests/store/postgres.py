"""A throw-away PostgreSQL server for tests, on a Unix socket, with a password and a language that sorts its own way."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "pw-4f1c9e2b"  # looked for afterwards in all that was written
PROGRAMS = ("initdb", "pg_ctl")


@contextmanager
def running_server():
    """Its URL, with the password. Without the programs the test fails: `make services` installs them."""
    programs = {name: _program(name) for name in PROGRAMS}
    with tempfile.TemporaryDirectory(prefix="fpd-pg-") as folder:
        as_user = {}
        if os.getuid() == 0:  # it refuses to run as root
            user = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody")
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        Path(folder, "pw").write_text(PASSWORD)
        os.chmod(f"{folder}/pw", 0o644)

        def call(name, *arguments):
            command = [programs[name], "-D", f"{folder}/data", *arguments]
            with open(f"{folder}.out", "w") as said:  # a pipe would wait for the server
                done = subprocess.run(
                    command, timeout=180, cwd=folder, stdout=said, stderr=said, check=False, **as_user
                )
            text = Path(f"{folder}.out").read_text()
            os.unlink(f"{folder}.out")
            if done.returncode:
                pytest.fail(f"{name} failed: {text}")

        language = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8", "-E", "UTF8")
        call("initdb", "-U", "bench", f"--pwfile={folder}/pw", "--auth=scram-sha-256", "--no-sync", *language)
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        call("pg_ctl", "-l", f"{folder}/log", "-o", options, "-t", "120", "-w", "start")
        try:
            yield f"postgresql+psycopg://bench:{PASSWORD}@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")


def _program(name):
    """Debian keeps them out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, places), None)
    if not found:
        pytest.fail(f"No PostgreSQL to test on ({name} is missing). Install it with: make services")
    return found


def _has_user(name):
    return any(entry.pw_name == name for entry in pwd.getpwall())
