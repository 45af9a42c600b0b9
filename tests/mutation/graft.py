"""Put changed code into a module that others have imported already: where they hold a function of it, it is the changed one."""

import ast
import sys
from types import FunctionType, ModuleType
from typing import Any

_TABLES = (tuple, frozenset, set, dict, list)
_PLAIN = (bool, int, float, str, bytes, *_TABLES)


def graft(module: ModuleType, changed: ast.Module) -> None:
    """Run the changed code anew, and take over what is other in it: code, defaults, values. What fails there raises."""
    fresh: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(changed, str(module.__file__), "exec"), fresh)
    for name, new in fresh.items():
        if not name.startswith("__"):
            _take_over(module, name, new, of=module.__name__)


def _take_over(owner: Any, name: str, new: Any, *, of: str) -> None:
    old = vars(owner).get(name)
    if isinstance(new, type) and new.__module__ == of:
        for inner, value in list(vars(new).items()):
            if inner == "__init__" or not inner.startswith("__") or isinstance(value, FunctionType):
                _take_over(old, inner, value, of=of)
    elif isinstance(new, FunctionType) and new.__module__ == of:
        _take_over_function(old, new)
    elif isinstance(new, classmethod | staticmethod):
        _take_over_function(vars(owner)[name].__func__, new.__func__)
    elif isinstance(new, property):
        _take_over_function(vars(owner)[name].fget, new.fget)
    elif isinstance(new, _PLAIN) and repr(old) != repr(new):
        setattr(owner, name, new)
        if isinstance(old, _TABLES):
            _hand_out(old, new)


def _hand_out(old: Any, new: Any) -> None:
    """Give everybody the new table who imported the old one. A number that a test imported stays what it was."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is old:
                setattr(module, name, new)


def _take_over_function(old: Any, new: Any) -> None:
    # What a decorator wrote into a class has no code of ours, but defaults.
    if not old.__code__.co_filename.startswith("<"):
        old.__code__ = new.__code__
    # Equal ones stay: a new one may be an instance of a class that nobody else knows.
    if repr(old.__defaults__) != repr(new.__defaults__):
        old.__defaults__ = new.__defaults__
    if repr(old.__kwdefaults__) != repr(new.__kwdefaults__):
        old.__kwdefaults__ = new.__kwdefaults__
