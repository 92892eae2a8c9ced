"""What may be told of an exception that nobody expected.

Its type and its call path always; its words only where they cannot quote the data that it
stumbled over. Never tells source text, values of variables, or the URL of a request.
"""

from __future__ import annotations

from ccpush.errors import CcpushError

# causes that are followed
MAX_CAUSES = 5
# Exceptions whose words are about the program or the system. All others may quote data:
# ValueError and KeyError do, decoders do, and requests' errors (which are OSErrors) quote URLs.
_SAFE_TYPES = (OSError, AttributeError, TypeError, NameError, ImportError, RuntimeError)
_SAFE_MODULES = frozenset({"builtins", "socket", "ssl"})


def crash_values(error: BaseException) -> dict[str, object]:
    """``error`` and ``at``, for a line of the log; causes follow what they caused.

    ``at`` is the call path, outermost first: file, line and function of each step.
    """
    told: list[str] = []
    at: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < MAX_CAUSES:
        told.append(_told(cause))
        at.append(_call_path(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return {"error": ", caused by ".join(told), "at": ", caused at ".join(at)}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if _is_safe(error) else type(error).__name__


def _is_safe(error: BaseException) -> bool:
    module = type(error).__module__
    if isinstance(error, CcpushError) or module == "sqlite3":
        return True
    return module in _SAFE_MODULES and isinstance(error, _SAFE_TYPES)


def _call_path(error: BaseException) -> str:
    steps = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        file = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
        steps.append(f"{file}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return " > ".join(steps)
