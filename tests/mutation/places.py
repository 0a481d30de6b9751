"""The small changes that are made to a module, and all the places for them.

The operators are the usual ones (arithmetic, comparison, constant, Boolean, statement
deletion: Jia and Harman, An Analysis and Survey of the Development of Mutation Testing,
2011, https://doi.org/10.1109/TSE.2010.62) and those of array code: axes, reductions,
branches of `where`, detached gradients.

Left alone are docstrings, annotations, texts, and all that only words an error: what is
raised. Whether it is raised is not left alone.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPPOSITE = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_PAIRS = (
    "min max, minimum maximum, nanmin nanmax, argmin argmax, mean sum, nanmean nansum, "
    "any all, floor ceil, exp expm1, log log1p, sin cos, sqrt square, zeros ones, "
    "zeros_like ones_like, logical_and logical_or, triu tril, cumsum cumprod, "
    "softplus relu, softmax log_softmax, std var, isnan isinf, argsort sort, "
    "startswith endswith, intersection union"
)
SWAPS = {
    name: other
    for pair in _PAIRS.split(", ")
    for name, other in (pair.split(), reversed(pair.split()))
}
ONE_WAY = {"abs": "negative", "isfinite": "isnan", "norm": "max", "prod": "sum"}
UNWRAPPED = {"stop_gradient", "abs", "clip", "sorted", "nan_to_num", "symmetric"}
UNORDERED = set(
    "maximum minimum logical_and logical_or add multiply logaddexp min max set "
    "isclose allclose array_equal result_type promote_types isinstance getattr".split()
)
AXES = {"axis", "axes", "in_axes", "out_axes"}

Setter = Callable[[ast.AST], None]


class Place(NamedTuple):
    """One change at one place of a module.

    Attributes:
      function: qualified name of the function around it, `<module>` outside of any.
      operator: what is changed into what.
      ordinal: the how-manieth of this operator in the function.
      line: of the unchanged text.
      before, after: the text of what is replaced.
      apply: makes the change in the tree that was searched.
    """

    function: str
    operator: str
    ordinal: int
    line: int
    before: str
    after: str
    apply: Callable[[], None]

    @property
    def within(self) -> str:
        """What identifies it inside its module."""
        return f"{self.function}:{self.operator}:{self.ordinal}"


def of(tree: ast.Module) -> list[Place]:
    """All places in a module, in the order of its text."""
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for function, node, put in _expressions(tree):
        for operator, new in _changes(node):
            ordinal = counts[function, operator]
            counts[function, operator] += 1
            before, after = ast.unparse(node), ast.unparse(new)
            if before == after:
                continue
            ast.copy_location(new, node)
            found.append(
                Place(
                    function,
                    operator,
                    ordinal,
                    node.lineno,
                    before,
                    after,
                    lambda put=put, new=new: put(new),
                )
            )
    return found


def _expressions(tree: ast.Module) -> Iterator[tuple[str, ast.AST, Setter]]:
    """Nodes that may be changed: the function around each, and how to replace it."""
    yield from _inside(tree, (), "<module>")


def _inside(node, scopes, name):
    for field, value in ast.iter_fields(node):
        if _is_left_alone(node, field):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            if isinstance(value, list):

                def put(new, value=value, index=index):
                    value[index] = new
            else:

                def put(new, node=node, field=field):
                    setattr(node, field, new)

            inner = _scope(child, scopes)
            inner_name = name
            if inner is not scopes:
                inner_name = ".".join(inner).removesuffix(".<locals>")
            if hasattr(child, "lineno"):
                yield name, child, put
            yield from _inside(child, inner, inner_name)


def _scope(node, scopes):
    """Parts of the qualified name, as Python writes it in `co_qualname`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return (*scopes, node.name, "<locals>")
    if isinstance(node, ast.Lambda):
        return (*scopes, "<lambda>", "<locals>")
    if isinstance(node, ast.ClassDef):
        return (*scopes, node.name)
    return scopes


def _is_left_alone(node, field):
    if field in ("annotation", "returns", "type_params", "decorator_list"):
        return True
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return field == "body"
    if isinstance(node, ast.Call) and field == "args":
        return _name(node.func) in ("isinstance", "issubclass", "UserError", "Damaged")
    if isinstance(node, ast.Assign) and field == "value":
        return any(ast.unparse(target) == "__all__" for target in node.targets)
    return False


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _name(function):
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for kind, rule in RULES:
        if isinstance(node, kind):
            yield from rule(copy.deepcopy(node))


def _holds_text(node):
    return any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str | bytes))
        for part in ast.walk(node)
    )


def _arithmetic(node):
    other = ARITHMETIC.get(type(node.op))
    operands = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    types_of = isinstance(node.op, ast.BitOr) and any(
        "None" in ast.unparse(operand) for operand in operands
    )
    if other is None or types_of or any(map(_holds_text, operands)):
        return
    node.op = other()
    yield "arithmetic", node


def _comparison(node):
    if len(node.ops) != 1:
        return
    for name, table in (("boundary", BOUNDARY), ("opposite", OPPOSITE)):
        if (other := table.get(type(node.ops[0]))) is not None:
            changed = copy.deepcopy(node)
            changed.ops = [other()]
            yield name, changed


def _constant(node):
    value = node.value
    if isinstance(value, bool):
        yield "boolean", ast.Constant(not value)
    elif isinstance(value, int):
        yield "integer", ast.Constant(1 if value == 0 else value + 1)
        if value == 1:
            yield "one to zero", ast.Constant(0)
    elif isinstance(value, float):
        yield "number", ast.Constant(2 * value if value else 1.0)


def _unary(node):
    if isinstance(node.op, ast.Not):
        yield "not dropped", node.operand
    elif isinstance(node.op, ast.Invert):
        yield "inversion dropped", node.operand
    elif isinstance(node.op, ast.USub):
        yield "sign dropped", node.operand


def _logic(node):
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and or", node


def _negated(node):
    if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
        return
    if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
        return  # the opposite comparison is the same change
    node.test = ast.UnaryOp(ast.Not(), node.test)
    yield "condition", node


def _filter(node):
    if node.ifs:
        node.ifs = []
        yield "filter dropped", node


def _call(node):
    name = _name(node.func)
    if new := SWAPS.get(name) or ONE_WAY.get(name):
        changed = copy.deepcopy(node)
        if isinstance(changed.func, ast.Attribute):
            changed.func.attr = new
            yield "function", changed
        elif name in ("min", "max", "any", "all"):
            changed.func.id = new
            yield "function", changed
    if name in UNWRAPPED and node.args:
        yield "unwrapped", node.args[0]
    if name == "where" and len(node.args) == 3:
        changed = copy.deepcopy(node)
        changed.args[1:] = reversed(changed.args[1:])
        yield "branches", changed
    elif _two_may_be_swapped(name, node.args):
        changed = copy.deepcopy(node)
        changed.args[:2] = reversed(changed.args[:2])
        yield "arguments", changed


def _two_may_be_swapped(name, args):
    if len(args) < 2 or name in UNORDERED:
        return False
    first, second = args[:2]
    starred = any(isinstance(argument, ast.Starred) for argument in (first, second))
    return not starred and not _holds_text(first) and not _holds_text(second)


def _keyword(node):
    if node.arg not in AXES:
        return
    axis = ast.unparse(node.value)
    new = {"0": -1, "-1": 0, "1": 0, "-2": -1, "2": 0}.get(axis)
    if new is not None:
        node.value = (
            ast.Constant(new) if new >= 0 else ast.parse(str(new)).body[0].value
        )
        ast.copy_location(node.value, node)
        yield "axis", node


def _returned(node):
    value = node.value
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:
        value.elts[:2] = reversed(value.elts[:2])
        yield "returned tuple", node
    elif isinstance(value, ast.BinOp) and type(value.op) in ARITHMETIC:
        if not _holds_text(value) and not isinstance(value.op, ast.BitOr | ast.BitAnd):
            node.value = ast.UnaryOp(ast.USub(), value)
            yield "returned sign", node


def _statement(node):
    if isinstance(node.value, ast.Call) and _name(node.value.func) not in ("print",):
        yield "call dropped", ast.Pass()


def _augmented(node):
    yield "statement dropped", ast.Pass()
    yield from _arithmetic(node)


RULES = (
    (ast.BinOp, _arithmetic),
    (ast.AugAssign, _augmented),
    (ast.Compare, _comparison),
    (ast.Constant, _constant),
    (ast.UnaryOp, _unary),
    (ast.BoolOp, _logic),
    (ast.If | ast.IfExp | ast.While, _negated),
    (ast.comprehension, _filter),
    (ast.Call, _call),
    (ast.keyword, _keyword),
    (ast.Return, _returned),
    (ast.Expr, _statement),
)
