"""The processes of a run find one another, before JAX connects them.

JAX ends a process without a word to its user where another one does not come in time.
So they meet first at the port that JAX will use: each says its number to process 0,
which lets all go when it has heard all of them. Imports nothing heavy.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator

from jaxgan.core import errors

GREETING, GO = "jaxgan", b"go\n"
LONGEST = 64


def gather(
    address: str, num_processes: int, seconds: float, said: str | None = None
) -> None:
    """Waits in process 0 until all others have come to its port.

    Args:
      address: HOST:PORT.
      num_processes: of the run.
      seconds: to wait.
      said: of the address, in sentences; None for the address.

    Raises:
      UserError: if the port cannot be had, two come with one number, or not all come.
    """
    until, come, said = time.monotonic() + seconds, {}, said or address
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(address, said))
        chosen = stack.enter_context(selectors.DefaultSelector())
        chosen.register(server, selectors.EVENT_READ)
        while len(come) < num_processes - 1:
            if not chosen.select(max(until - time.monotonic(), 0)):
                missing = sorted({*range(1, num_processes)} - set(come))
                raise errors.UserError(
                    f"--coordinator {said}: of {num_processes} processes number "
                    f"{', '.join(map(str, missing))} did not come within "
                    f"{seconds:.0f} s; start all of them, with that address."
                )
            other = stack.enter_context(server.accept()[0])
            other.settimeout(min(5, seconds))
            number = _number(other, num_processes)
            if number in come:
                raise errors.UserError(
                    f"--process-id {number}: two processes have it; give each another."
                )
            if number is not None:
                come[number] = other
        for other in come.values():
            with contextlib.suppress(OSError):
                other.sendall(GO)


def reach(
    address: str,
    process_id: int,
    num_processes: int,
    seconds: float,
    said: str | None = None,
) -> None:
    """Comes to process 0 and waits until it lets all go.

    Args:
      address: HOST:PORT of process 0.
      process_id: of this process, from 1.
      num_processes: of the run.
      seconds: to wait.
      said: as for `gather`.

    Raises:
      UserError: if nobody answers there, or process 0 gives up.
    """
    host, _, port = address.rpartition(":")
    until, said = time.monotonic() + seconds, said or address
    while True:
        left = until - time.monotonic()
        try:
            own = socket.create_connection(
                (host.strip("[]"), int(port)), timeout=max(min(left, 5), 0.1)
            )
            break
        except OSError as error:
            if left <= 0:
                raise errors.UserError(
                    f"--coordinator {said}: nobody answers there within "
                    f"{seconds:.0f} s ({error}); start process 0 and check the address "
                    "and the firewall."
                ) from None
            time.sleep(min(0.5, max(left, 0.01)))
    with own:
        answer = b""
        with contextlib.suppress(OSError):
            own.sendall(f"{GREETING} {process_id} {num_processes}\n".encode())
            own.settimeout(max(until - time.monotonic(), 1) + 1)
            answer = own.recv(len(GO))
        if answer != GO:
            raise errors.UserError(
                f"--coordinator {said}: process 0 did not let this one, "
                f"--process-id {process_id} of --num-processes {num_processes}, go on "
                "in time; see what it says, and whether all were started with the same "
                "numbers."
            )


@contextlib.contextmanager
def _listen(address: str, said: str) -> Iterator[socket.socket]:
    port = int(address.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except (OSError, OverflowError) as error:
        raise errors.UserError(
            f"--coordinator {said}: process 0 cannot have that port ({error}); give "
            "another."
        ) from None
    with server:
        yield server


def _number(other: socket.socket, num_processes: int) -> int | None:
    """The number that somebody says, or None if it is none of ours."""
    try:
        said = other.recv(LONGEST).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        return None
    of_ours = [[GREETING, str(i), str(num_processes)] for i in range(1, num_processes)]
    return of_ours.index(said) + 1 if said in of_ours else None
