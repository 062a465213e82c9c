"""The parameters of a notebook: read from its parameters cell, bound to values, checked.

The cell holds literals only, so its names and types are read without running it. A name that the
cell does not have, or a value of another type, is refused before any kernel starts; since only
names of the cell are ever handed on, no text from outside can become code.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any

from retention.errors import ParameterError

__all__ = ["Parameter", "bind_parameters", "parse_value", "read_parameters", "written_parameters"]


@dataclass(frozen=True)
class Parameter:
    """One name of the parameters cell with its default; the default's type is the type."""

    name: str
    default: Any

    @property
    def kind(self) -> str:
        """The type in JSON's words: text, whole number, number, yes or no, list, mapping, any."""
        return _kind(self.default)


def _kind(value: Any) -> str:
    kinds = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
    kinds |= {list: "list", dict: "mapping", type(None): "any"}
    return kinds[type(value)]


def read_parameters(source: str, where: str) -> tuple[Parameter, ...]:
    r"""Read a parameters cell.

    Parameters
    ----------
    source : str
        The cell's code: assignments of literals to names, and comments.
    where : str
        The notebook, for messages.

    Returns
    -------
    tuple of Parameter
        In the order of the cell.

    Raises
    ------
    ParameterError
        If a line is anything but ``name = literal``, or a name is assigned twice.

    Examples
    --------
    >>> read_parameters('project_dir = ".."\nhorizon = 12', "demo")[1]
    Parameter(name='horizon', default=12)
    """
    try:
        lines = ast.parse(source).body
    except SyntaxError as error:
        raise ParameterError(f"{where}: the parameters cell is not Python: {error}") from error
    found: dict[str, Parameter] = {}
    for line in lines:
        name, value = _assignment(line)
        if name is None or value is None:
            raise ParameterError(
                f"{where}: line {line.lineno} of the parameters cell is not `name = literal`"
            )
        if name in found or name.startswith("_") or iskeyword(name):
            raise ParameterError(f"{where}: parameter {name!r} is private or assigned twice")
        found[name] = Parameter(name, _literal(value, f"{where}: parameter {name}"))
    return tuple(found.values())


def _assignment(line: ast.stmt) -> tuple[str | None, ast.expr | None]:
    if isinstance(line, ast.Assign) and len(line.targets) == 1:
        target: ast.expr = line.targets[0]
    elif isinstance(line, ast.AnnAssign):
        target = line.target
    else:
        return None, None
    return (target.id, line.value) if isinstance(target, ast.Name) else (None, None)


def _literal(node: ast.expr, where: str) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError) as error:
        raise ParameterError(f"{where} is not a literal") from error
    return _json_value(value, where)


def _json_value(value: Any, where: str) -> Any:
    """Return the value if JSON can hold it without change."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list):
        return [_json_value(item, where) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json_value(item, where) for key, item in value.items()}
    raise ParameterError(
        f"{where} is {value!r}; a parameter is text, a finite number, true or false, none, a list "
        "of these, or a mapping from text to these"
    )


def bind_parameters(
    parameters: Sequence[Parameter], given: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Return the value of every parameter, given or default.

    Parameters
    ----------
    parameters : sequence of Parameter
        What the notebook has.
    given : mapping
        Values by name.
    where : str
        The notebook, for messages.

    Returns
    -------
    dict
        Every name of the notebook with a value that JSON can hold.

    Raises
    ------
    ParameterError
        If a name is unknown, or a value is of another type than its default. A whole number will
        do where a number is wanted, nothing else is converted.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known)}"
            raise ParameterError(f"{where} has no parameter {name!r}{hint}")
    return {
        name: _checked(parameter, given[name], where) if name in given else parameter.default
        for name, parameter in known.items()
    }


def _checked(parameter: Parameter, value: Any, where: str) -> Any:
    value = _json_value(value, f"{where}: parameter {parameter.name}")
    if parameter.default is None or (value is None and parameter.default is None):
        return value
    if type(value) is type(parameter.default):
        return value
    if isinstance(parameter.default, float) and type(value) is int:
        return float(value)
    raise ParameterError(
        f"{where}: parameter {parameter.name} is a {parameter.kind}, got {value!r} ({_kind(value)})"
    )


def parse_value(parameter: Parameter, text: str) -> Any:
    """Read a value written on a command line; text stays text, so ``007`` keeps its zeros.

    Raises
    ------
    ParameterError
        If the text is no value of the parameter's type.

    Examples
    --------
    >>> parse_value(Parameter("segment", ""), "007"), parse_value(Parameter("horizon", 12), "24")
    ('007', 24)
    """
    if isinstance(parameter.default, str):
        return text
    try:
        return _checked(parameter, json.loads(text), "command line")
    except json.JSONDecodeError as error:
        raise ParameterError(
            f"parameter {parameter.name} is a {parameter.kind}; {text!r} is none"
        ) from error


_DECIDED = ("project_dir", "period")


def written_parameters(
    texts: Sequence[str], known: Mapping[str, Sequence[Parameter]]
) -> dict[str, dict[str, Any]]:
    """Read ``name=value`` and ``notebook.name=value`` of a command line.

    Parameters
    ----------
    texts : sequence of str
        As they were written.
    known : mapping of str to sequence of Parameter
        The parameters of each notebook of the run.

    Returns
    -------
    dict of str to dict
        Values by notebook and name.

    Raises
    ------
    ParameterError
        If a text is no assignment, no notebook of the run has the name, the run decides it, or
        the value is of another type.

    Examples
    --------
    >>> known = {"curve": (Parameter("group_by", "auto"),), "value": (Parameter("months", 12),)}
    >>> written_parameters(["months=24", "curve.group_by=007"], known)
    {'value': {'months': 24}, 'curve': {'group_by': '007'}}
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        named, equals, value = text.partition("=")
        notebook, dot, name = named.rpartition(".")
        if not equals or not name:
            raise ParameterError(f"{text!r}: write name=value or notebook.name=value")
        if name in _DECIDED:
            raise ParameterError(f"{name} is decided by the run; see --period and --project")
        having = _having(name, notebook if dot else "", known)
        for owner, parameter in having.items():
            found.setdefault(owner, {})[name] = parse_value(parameter, value)
    return found


def _having(
    name: str, notebook: str, known: Mapping[str, Sequence[Parameter]]
) -> dict[str, Parameter]:
    """Return the parameter of this name of each notebook that is meant."""
    if notebook and notebook not in known:
        raise ParameterError(f"no notebook of this run is named {notebook!r}")
    meant = {notebook: known[notebook]} if notebook else known
    having = {n: p for n, parameters in meant.items() for p in parameters if p.name == name}
    if not having:
        names = sorted({p.name for parameters in meant.values() for p in parameters})
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
        raise ParameterError(f"{notebook or 'this run'} has no parameter {name!r}{hint}")
    return having
