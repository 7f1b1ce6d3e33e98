"""Errors that a person can cause or mend, each with words fit to be shown.

    AppError
    ├── NotFound      the thing asked for is not there
    ├── Forbidden     this person may not do this
    ├── Invalid       what was given cannot be used
    ├── Conflict      somebody else changed it meanwhile
    ├── Unavailable   a part is down or busy: try again
    └── GateFailed    a candidate adapter did not pass

Anything else that is raised is a bug. Entry points turn an `AppError` into words in one place each: pages show
`str(error)`, the API answers `status`, commands print it and exit with 2.
"""


class AppError(Exception):
    """Its text is shown to the person, so it never quotes a visitor and never names a secret."""

    status = 400


class NotFound(AppError):
    status = 404


class Forbidden(AppError):
    status = 403


class Invalid(AppError):
    status = 422


class Conflict(AppError):
    status = 409


class Unavailable(AppError):
    status = 503


class GateFailed(AppError):
    status = 409
