"""The one exception for what a user can put right."""


class UserError(ValueError):
    """A mistake in what the user asked for.

    The message is one sentence that names the argument or flag, its value and the
    way out. Scripts print it and exit with status 2; everything else that is raised
    is a defect of ours and keeps its traceback.
    """
