"""What a script tells its user in a sentence: a mistake, or an interruption."""


class UserError(ValueError):
    """A mistake in what the user asked for.

    The message is one sentence that names the argument or flag, its value and the
    way out. Scripts print it and exit with status 2; everything else that is raised
    is a defect of ours and keeps its traceback.
    """


class Interrupted(Exception):
    """A signal stopped a run, of which what was saved is there.

    The message is one sentence that says how to go on.

    Attributes:
      signal: its number.
      together: whether all processes of the run have stopped at the same place.
    """

    def __init__(self, message: str, signal: int, *, together: bool = False):
        super().__init__(message)
        self.signal, self.together = signal, together
