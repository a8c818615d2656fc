"""What every op means for one row, in plain Python: the second definition that the graphs are held against.

Null is None; a number is float64 and never NaN (that is null); integers are Python ints within 64 bits.
"""

import math
from fractions import Fraction

import numpy as np
from sklearn.utils import murmurhash3_32

TOWER = ("boolean", "integer", "number")


def null(value):
    """NaN is null."""
    return None if value is None or value != value else value


def wrap(value):
    """An integer of any size in 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


def number(value):
    """As float64."""
    return None if value is None else float(value)


def arithmetic(operator, left, right, *, as_integers):
    """+ - * / // %."""
    if left is None or right is None:
        return None
    if as_integers:
        left, right = int(left), int(right)
        if operator in ("//", "%") and right == 0:
            return None
        results = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "//": lambda: left // right,
            "%": lambda: left % right,
        }
        return wrap(results[operator]())
    left, right = np.float64(left), np.float64(right)
    with np.errstate(all="ignore"):
        results = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
            "//": lambda: np.floor(left / right),
            "%": lambda: np.remainder(left, right) if not np.isinf(right) else remainder_by_infinity(left, right),
        }
        return null(float(results[operator]()))


def remainder_by_infinity(left, right):
    """The dividend, or the divisor where their signs differ."""
    if np.isinf(left) or np.isnan(left):
        return np.nan
    return left if left == 0 or (left < 0) == (right < 0) else right


def power(value, exponent):
    """** with a constant exponent."""
    if value is None:
        return None
    with np.errstate(all="ignore"):
        value = np.float64(value)
        if exponent == 2:
            return null(float(value * value))
        if exponent == 3:
            return null(float(value * value * value))
        if exponent == 0.5:
            return null(float(np.sqrt(value)))
    try:
        return null(math.pow(value, exponent))
    except ValueError:
        if value < 0:
            return None
        return math.copysign(math.inf, value) if exponent % 2 == 1 else math.inf
    except OverflowError:
        return -math.inf if value < 0 and exponent % 2 == 1 else math.inf


def comparison(operator, left, right):
    """== != < <= > >=."""
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    results = {
        "==": left == right,
        "!=": left != right,
    }
    if isinstance(left, str):
        return results[operator]
    results |= {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return results[operator]


def logic_and(left, right):
    """SQL's AND."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def logic_or(left, right):
    """SQL's OR."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def logic_not(value):
    """SQL's NOT."""
    return None if value is None else not value


def to_integer(value):
    """A number towards zero, where it fits 64 bits."""
    if value is None or math.isinf(value) or not -(2**63) <= value < 2**63:
        return None
    return math.trunc(value)


def moments(values):
    """Mean and population deviation of the finite values; a deviation of infinity where nothing varied."""
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not finite or min(finite) == max(finite):
        return (finite[0] if finite else 0.0), math.inf
    exact = [Fraction(value) for value in finite]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    return float(mean), square_root(variance)


def square_root(value):
    """The square root of a Fraction, to within the last bit or two."""
    scale = 1 << 2200
    return float(
        __import__("fractions").Fraction(math.isqrt(value.numerator * scale * scale // value.denominator), scale)
    )


def z_score(value, mean, std_dev):
    """(value - mean) / deviation, in float64."""
    if value is None:
        return None
    with np.errstate(all="ignore"):
        return null(float((np.float64(value) - mean) / np.float64(std_dev)))


def bucket(value, boundaries):
    """How many boundaries are not above the value."""
    return None if value is None else float(sum(edge <= value for edge in boundaries))


def vocabulary(values, top_k=None, min_count=1):
    """Values by count, descending, then by value, ascending."""
    counts = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1

    def place(value):
        return (-counts[value], value.encode() if isinstance(value, str) else value)

    return [value for value in sorted(counts, key=place) if counts[value] >= min_count][:top_k]


def code(value, known, num_oov=0):
    """The place of a value in its vocabulary."""
    if value is None:
        return None
    if value in known:
        return float(known.index(value))
    if not num_oov:
        return -1.0
    text = value if isinstance(value, str) else str(int(value))
    return float(len(known) + murmurhash3_32(text, seed=0, positive=True) % num_oov)


def tokens(text, separator=" ", sizes=(1,)):
    """The n-grams of a text, None having none."""
    pieces = [] if text is None else text.split(separator)
    grams = [pieces[start : start + size] for size in sizes for start in range(len(pieces) - size + 1)]
    return [separator.join(gram) for gram in grams if "" not in gram]


def token_order(texts, separator=" ", sizes=(1,), top_k=None, least=1):
    """The tokens by the number of texts that hold them, descending, then by their bytes."""
    holding = [set(tokens(text, separator, sizes)) for text in texts]
    counts = {token: sum(token in each for each in holding) for each in holding for token in each}
    kept = [token for token in counts if counts[token] >= least]
    return sorted(kept, key=lambda token: (-counts[token], token.encode()))[:top_k]


def token_counts(text, known, separator=" ", sizes=(1,)):
    """How often each known token is in a text; one 0 where none is known."""
    found = tokens(text, separator, sizes)
    return [float(found.count(token)) for token in known] or [0.0]
