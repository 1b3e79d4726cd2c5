"""What can end a projector, each with what to do."""

from topics.errors import TapelineError


class ProjectionError(TapelineError):
    """The projections cannot go on as they are."""


class FencedError(ProjectionError):
    """Another projector took these tables over; this one must end without writing another row."""


class LogChangedError(ProjectionError):
    """The log is not the one these rows were made from."""
