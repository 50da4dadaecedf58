"""Random nested records from a fixed seed: what APIs answer with, and what they should not."""

import random

KEYS = ["id", "User Name", "camelCase", "HTTPServer", "2ndField", "total_", "a__b", "x-y", "émail", "@type", "C++", "deep"]
TEXTS = ["", "plain", "Ünïcödé 😀", "007", "1.50", "true", "line\nbreak", "quote ' \" \\ ;", "tab\tand , comma", "2024", "x" * 300]


def scalar(kind, source):
    return {
        "integer": lambda: source.choice([0, -1, 7, 2**31, -(2**63), 2**63 - 1, source.randrange(10**9)]),
        "small": lambda: source.randrange(-(10**6), 10**6),
        "fraction": lambda: source.choice([0.5, -1.25, 1e-7, source.random()]),
        "word": lambda: source.choice(["", "plain", "Ünïcödé 😀", "tomorrow"]),
        "double": lambda: source.choice([0.5, -1.25, 1e-7, 1.5e300, source.random()]),
        "bool": lambda: source.random() < 0.5,
        "text": lambda: source.choice(TEXTS),
        "moment": lambda: f"20{source.randrange(10, 30)}-0{source.randrange(1, 10)}-1{source.randrange(10)}T0{source.randrange(10)}:30:{source.randrange(10, 60)}Z",
    }[kind]()


# Kinds that meet in one column. dlt gives the later one a column of its own or converts it; restload widens the column.
# What dlt refuses stays out: a double beyond a bigint in a column of whole numbers. So does what it takes for something
# else: numeric text in a column of moments is seconds since 1970 to it.
MEETINGS = [("small", "fraction"), ("integer", "text"), ("fraction", "text"), ("moment", "word")]


def shape(source, depth, mixed=False):
    """What the records of one table look like: a kind for every key, so that both programs give each column one type;
    or, when they are to be mixed, sometimes two."""
    fields = {}
    for key in source.sample(KEYS, source.randrange(2, 6)):
        pick = source.random()
        if depth > 0 and pick < 0.2:
            fields[key] = ("object", shape(source, depth - 1, mixed))
        elif depth > 0 and pick < 0.35:
            fields[key] = ("objects", shape(source, depth - 1, mixed))
        elif depth > 0 and pick < 0.45:
            fields[key] = ("scalars", source.choice(["integer", "text", "double"]))
        elif depth > 0 and pick < 0.5:
            fields[key] = ("lists", source.choice(["integer", "text"]))
        elif mixed and pick < 0.8:
            fields[key] = ("either", source.choice(MEETINGS))
        else:
            fields[key] = ("scalar", source.choice(["integer", "double", "bool", "text", "moment"]))
    return fields


def record(fields, source, sparse=True):
    made = {}
    for key, (form, inner) in fields.items():
        if sparse and source.random() < 0.15:
            continue
        if sparse and source.random() < 0.1:
            made[key] = None
        elif form == "scalar":
            made[key] = scalar(inner, source)
        elif form == "either":
            made[key] = scalar(source.choice(inner), source)
        elif form == "object":
            made[key] = record(inner, source, sparse)
        elif form == "objects":
            made[key] = [record(inner, source, sparse) for _ in range(source.randrange(4))]
        elif form == "scalars":
            made[key] = [scalar(inner, source) for _ in range(source.randrange(4))]
        else:
            made[key] = [[scalar(inner, source) for _ in range(source.randrange(3))] for _ in range(source.randrange(3))]
    return made


def generate(seed, mixed=False, count=30):
    """The records of one load, each with a key `pk`."""
    source = random.Random(seed)
    fields = shape(source, 3, mixed)
    return [{"pk": place, **record(fields, source)} for place in range(count)]


def revise(records, seed, mixed=False):
    """The records of a second load: some changed, some new, some not there any more."""
    source = random.Random(seed * 7919 + 1)
    fields = shape(random.Random(seed), 3, mixed)
    changed = [{"pk": row["pk"], **record(fields, source)} if source.random() < 0.4 else row for row in records if source.random() < 0.9]
    return changed + [{"pk": 1000 + place, **record(fields, source)} for place in range(5)]
