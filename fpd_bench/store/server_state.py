"""Why a PostgreSQL server lets nobody in, in a sentence of ours: its driver's words differ from version to version."""

from typing import Any

import sqlalchemy as sa

SECONDS = 5  # to wait for an answer


def why_no_connection(url: str) -> str:
    """Say whether the server of `url` answers at all, which host, port, database and user it is, and what to run next.

    The password is not needed to ask, and is not told.
    """
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn, Ping

    options = _options(url)
    ping = PGconn.ping(make_conninfo(**options, connect_timeout=SECONDS).encode())
    host, port = options.get("host", "localhost"), options.get("port", 5432)
    user, database = options.get("user", "of your name"), options.get("dbname", "of the user's name")
    place = f"the PostgreSQL server at host {host}, port {port}"
    look = f"pg_isready {f'-h {host} ' if 'host' in options else ''}-p {port}"
    if ping == Ping.OK:
        return (
            f"{place} answers, but does not let user {user} into database {database}. Correct user, password or "
            "database in store.url, or make the database: createdb NAME"
        )
    if ping == Ping.REJECT:
        return f"{place} is starting or going down (database {database}). Wait until this says that it accepts: {look}"
    return (
        f"{place} does not answer (database {database}). Start it, or correct host and port in store.url, and look "
        f"with: {look}"
    )


def _options(url: str) -> dict[str, Any]:
    """Give what libpq is told of the server, without the password."""
    parsed = sa.make_url(url)
    _, options = parsed.get_dialect()().create_connect_args(parsed)
    return {key: options[key] for key in ("host", "port", "user", "dbname") if options.get(key)}
