"""Tables as people have them, made by seed: a tidy one about customers, and one of everything that is odd."""

import datetime
import decimal

import numpy as np
import pyarrow as pa


def customers(rows=1200, seed=0):
    """Texts, nulls, days, an identifier, an address; `churned` is "yes" where few months and high charges meet."""
    random = np.random.default_rng(seed)
    months, charges = random.integers(0, 72, rows), random.gamma(4.0, 20.0, rows).round(2)
    churned = charges / 80 - months / 36 + random.normal(0, 0.4, rows) > 0.6
    days = (random.integers(17_000, 19_000, rows)).astype("datetime64[D]")
    return pa.table(
        {
            "customerID": [f"C-{index:05}" for index in range(rows)],
            "gender": random.choice(["Female", "Male"], rows),
            "email": [f"someone{index}@example.org" for index in range(rows)],
            "tenure": months,
            "Monthly Charges": pa.array(charges, mask=random.random(rows) < 0.3),
            "contract": pa.array(random.choice(["month", "year", "two years"], rows), mask=random.random(rows) < 0.02),
            "joined": pa.array(days),
            "currency": ["CHF"] * rows,
            "churned": np.where(churned, "yes", "no"),
        }
    )


def oddities(rows=300, seed=0):
    """Every type that Arrow has and every name that Python dislikes, beside a label of 1 and 2."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=rows)

    def some(values, kind=None, share=0.1):
        return pa.array(values, kind, mask=random.random(rows) < share)

    names = ["cast", "is_null", "x", "ops", "hr", "features", "_known", "__dunder__", "class", "None", "lambda", "a.b"]
    names += [
        "ünï cödé",
        "\ufb01eld",
        "new\nline",
        "tab\t",
        'quo"te\\',
        "{brace}",
        "日本",
        "😀",
        "rtl\u202e",
        "#",
        "",
        " ",
    ]
    names += ["name", "max_depth", "raw", "self", "@odd", "x['y']", "%s", "gap_missing"]
    moments = random.integers(1_600_000_000, 1_700_000_000, rows)
    return pa.table(
        {
            **{name: some(signal + random.normal(size=rows)) for name in names},
            "gap": some(signal, share=0.6),
            "null": pa.nulls(rows),
            "null numbers": pa.nulls(rows, pa.float64()),
            "only NaN": np.full(rows, np.nan),
            "one value": [7] * rows,
            "one or null": some([3] * rows, share=0.3),
            "row": np.arange(rows),
            "free text": [f"text {index}" for index in range(rows)],
            "numbers as text": [str(index / 7) for index in range(rows)],
            "day": some(random.integers(18_000, 19_000, rows).astype("datetime64[D]")),
            "moment": some(moments * 1_000_000).cast(pa.timestamp("us")),
            "zoned": some(moments).cast(pa.timestamp("s")).cast(pa.timestamp("ms", "Asia/Tokyo")),
            "eras": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)] * (rows // 2),
            "decimal": pa.array([decimal.Decimal(index) / 4 for index in range(rows)], pa.decimal128(10, 2)),
            "duration": pa.array(random.integers(0, 10**6, rows), pa.duration("s")),
            "time": pa.array(random.integers(0, 86_400, rows).astype("int32"), pa.time32("s")),
            "list": [[1.0]] * rows,
            "struct": [{"a": 1}] * rows,
            "bytes": [b"x"] * rows,
            "infinite": np.where(random.random(rows) < 0.1, np.inf, signal),
            "NaN": np.where(random.random(rows) < 0.5, np.nan, signal),
            "uint64": random.integers(0, 2**63, rows).astype(np.uint64),
            "float16": signal.astype(np.float16),
            "dictionary": some(random.choice(["a", "b", "c"], rows)).dictionary_encode(),
            "far": random.integers(-(2**62), 2**62, rows),
            "flag": some(random.random(rows) < 0.5),
            "status": np.where(signal > 0, 2, 1),
        }
    )
