"""Reads the tables of either program and brings their values into one form."""

import json
import re
import sqlite3
from collections import Counter
from decimal import Decimal

import psycopg2

# The columns and tables that each program keeps for itself.
OWN = re.compile(r"^_(dlt|rl)_")
KEPT = {"_dlt_list_idx": "list_idx", "_rl_list_idx": "list_idx"}
MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?$")
TYPES = {
    "bigint": "bigint",
    "integer": "bigint",
    "double precision": "double",
    "double": "double",
    "real": "double",
    "float": "double",
    "boolean": "bool",
    "timestamp with time zone": "timestamp",
    "datetime": "timestamp",
    "jsonb": "json",
    "json": "json",
    "numeric": "numeric",
    "date": "date",
    "time without time zone": "time",
    "time": "time",
}


def type_name(declared):
    declared = re.sub(r"\(.*\)", "", declared.lower()).strip()
    if declared in TYPES:
        return TYPES[declared]
    for word, name in (("timestamp", "timestamp"), ("json", "json"), ("numeric", "numeric"), ("date", "date"), ("time", "time")):
        if declared.startswith(word):
            return name
    return "text"


def value(kind, raw):
    if raw is None:
        return None
    if kind == "bool":
        return bool(raw)
    if kind == "json":
        parsed = json.loads(raw) if isinstance(raw, str) else raw
        return json.dumps(parsed, sort_keys=True)
    if kind == "timestamp":
        text = raw.isoformat(" ") if hasattr(raw, "isoformat") else str(raw)
        found = MOMENT.match(text)
        if not found:
            return text
        fraction = (found[3] or "").rstrip("0").rstrip(".")
        return f"{found[1]} {found[2]}{fraction}"
    if kind in ("date", "time"):
        return raw.isoformat() if hasattr(raw, "isoformat") else str(raw)
    if kind == "double":
        return float(raw)
    if kind == "numeric" and isinstance(raw, str):
        # restload's columns of exact numbers are texts in SQLite.
        raw = Decimal(raw)
    if kind in ("bigint", "numeric"):
        return int(raw) if int(raw) == raw or kind == "bigint" else str(raw)
    return raw if isinstance(raw, (int, float)) else str(raw)


class Table:
    """A table's columns with their types, and its rows as a multiset."""

    def __init__(self, columns, rows):
        self.columns = {}
        places = []
        for place, (name, declared) in enumerate(columns):
            if OWN.match(name) and name not in KEPT:
                continue
            shown = KEPT.get(name, name)
            self.columns[shown] = type_name(declared)
            places.append((shown, place))
        self.names = [name for name, _ in places]
        self.rows = [
            {name: value(self.columns[name], row[place]) for name, place in places}
            for row in rows
        ]

    def multiset(self, names):
        return Counter(json.dumps([row.get(name) for name in names], default=str) for row in self.rows)


VARIANT = re.compile(r"^(.+)__v_(text|double|bigint|timestamp|bool)$")


def plain(raw):
    """A value as text, in a spelling that does not depend on the type of its column."""
    if raw is None or isinstance(raw, bool):
        return raw
    try:
        return repr(float(raw))
    except ValueError:
        return value("timestamp", raw)


def folded(table):
    """A table whose columns of one field are one: dlt's variants go back into the column that they belong to."""
    made = Table([], [])
    home = {name: (found[1] if (found := VARIANT.match(name)) and found[1] in table.columns else name) for name in table.columns}
    made.columns = {name: "any" for name in home.values()}
    for row in table.rows:
        one = {}
        for name, raw in row.items():
            if one.get(home[name]) is None:
                one[home[name]] = plain(raw)
        made.rows.append(one)
    return made


def read_sqlite(path):
    database = sqlite3.connect(path)
    names = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
    tables = {}
    for name in names:
        if OWN.match(name) or name.startswith("sqlite_"):
            continue
        columns = [(row[1], row[2]) for row in database.execute(f'pragma table_info("{name}")')]
        tables[name] = Table(columns, database.execute(f'select * from "{name}"').fetchall())
    database.close()
    return tables


def read_postgres(url, schema):
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    cursor.execute("select table_name from information_schema.tables where table_schema = %s", (schema,))
    tables = {}
    for (name,) in cursor.fetchall():
        if OWN.match(name):
            continue
        cursor.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = %s and table_name = %s order by ordinal_position",
            (schema, name),
        )
        columns = cursor.fetchall()
        cursor.execute(f'select * from "{schema}"."{name}"')
        tables[name] = Table(columns, cursor.fetchall())
    connection.close()
    return tables


def differences(dlt, restload, types=True):
    """Where the tables of the two programs are not the same, in words."""
    found = []
    for name in sorted(set(dlt) | set(restload)):
        left, right = dlt.get(name), restload.get(name)
        if left is None or right is None:
            found.append(f"table {name}: only {'dlt' if right is None else 'restload'} has it ({len((left or right).rows)} rows)")
            continue
        for column in sorted(set(left.columns) | set(right.columns)):
            if column not in right.columns:
                found.append(f"{name}.{column}: only dlt has it, as {left.columns[column]}")
            elif column not in left.columns:
                found.append(f"{name}.{column}: only restload has it, as {right.columns[column]}")
            elif types and left.columns[column] != right.columns[column]:
                found.append(f"{name}.{column}: dlt has {left.columns[column]}, restload {right.columns[column]}")
        shared = sorted(set(left.columns) & set(right.columns))
        ours, theirs = right.multiset(shared), left.multiset(shared)
        if ours != theirs:
            missing, more = list((theirs - ours).elements()), list((ours - theirs).elements())
            found.append(
                f"{name}: {len(left.rows)} rows in dlt, {len(right.rows)} in restload;"
                f" {len(missing)} of dlt's are not in restload"
                + (f", such as {missing[0]}" if missing else "")
                + (f"; restload has {more[0]}" if more else "")
            )
    return found
