"""A schema of its own for each folder, all in one database: making a database is a copy of hundreds of files."""

from headrace.canonical import digest


def address(server, place):
    """Records of their own for a folder: a schema that is named after it."""
    return f"{server}?schema=s_{digest(str(place))[:16]}"


def schema_of(uri):
    """The schema that an address names."""
    return uri.partition("schema=")[2]
