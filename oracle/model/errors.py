"""The error family. What a person sees says what was given, what is allowed and what to do.

PlumblineError
├── Retryable   the same call may succeed later: a connection, a time-out, a full pool
├── Rejected    this input will never be accepted: a malformed price, a stale report
│   └── SchemaError   bytes that are no message of a known version
└── Fatal       the process cannot go on: a wrong configuration, a lost key
    └── ConfigError   a file or option that a person must mend
"""

from __future__ import annotations


class PlumblineError(Exception):
    """Any error this project raises on purpose."""


class Retryable(PlumblineError):
    """The same call may succeed later."""


class Rejected(PlumblineError):
    """This input will never be accepted."""


class SchemaError(Rejected):
    """Bytes that are no message of a version this reader knows."""


class Fatal(PlumblineError):
    """The process cannot go on without a person."""


class ConfigError(Fatal):
    """A configuration, key file or option that a person must mend."""
