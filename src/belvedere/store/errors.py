"""What can go wrong with the store.

StoreError
├── InvalidProject     the name of a project is no name that a database can have
├── StoreInUse         another process has the data directory open
├── StoreUnavailable   the database cannot be reached or has no room; trying again may help
│   └── NewerSchema       a newer release migrated the database
├── InvalidData        the database cannot read the bytes; trying again cannot help
└── QueryError         the database refused a query; `code` is ClickHouse's error name
    ├── QueryNotAllowed   it is not a read, or reads what this caller may not see
    └── QueryTooLarge     it went over a bound of time, memory, rows or bytes
"""


class StoreError(Exception):
    """Any error of the store. Its text is fit for a user."""


class InvalidProject(StoreError):  # noqa: N818 - reads as what is raised: an invalid project
    """The name of a project is no name that a database can have."""


class StoreInUse(StoreError):  # noqa: N818 - reads as what is raised: the store is in use
    """Another process has the data directory open."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as what is raised
    """The database cannot be reached or has no room. Trying again may help."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """ClickHouse's error name, if it is ClickHouse that failed."""


class NewerSchema(StoreUnavailable):
    """A newer release migrated the database. The data waits until that release runs again."""


class InvalidData(StoreError):  # noqa: N818 - reads as what is raised
    """The database cannot read the bytes. Trying again cannot help."""


class QueryError(StoreError):
    """The database refused a query."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class QueryNotAllowed(QueryError):  # noqa: N818 - reads as what is raised
    """The query is not a read, or reads what this caller may not see."""


class QueryTooLarge(QueryError):  # noqa: N818 - reads as what is raised
    """The query went over a bound of time, memory, rows or bytes."""
