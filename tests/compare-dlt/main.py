"""Runs the same configs and the same records through dlt and restload, and compares requests and tables.

    main.py --restload PATH --postgres URL [--seeds N] [--first N] [--only TEXT]

Exits with 1 when something differs that the cases do not name as a deliberate difference.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL", RUNTIME__REQUEST_MAX_ATTEMPTS="1"
)

import dlt
import psycopg2
import yaml
from dlt.sources.rest_api import rest_api_source

import records
import tables
from fixture import Fixture

HERE = pathlib.Path(__file__).parent


class Comparison:
    """One run of the whole comparison."""

    def __init__(self, options):
        self.options, self.fixture = options, Fixture()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="compare-dlt-"))
        self.rows, self.reasons = 0, {}
        self.equal, self.deliberate, self.unexpected = [], [], []

    def pipeline(self, name, destination):
        if destination == "sqlite":
            target = dlt.destinations.sqlalchemy(f"sqlite:///{self.work}/{name}_dlt.db")
            dataset = "main"
        else:
            # dlt asks for a password, whether the server does or not.
            parts = urlsplit(self.options.postgres)
            user = parts.netloc if ":" in parts.netloc.split("@")[0] else parts.netloc.replace("@", ":unused@", 1)
            target = dlt.destinations.postgres(parts._replace(netloc=user).geturl())
            dataset = f"{name}_dlt"
        return dlt.pipeline(
            pipeline_name=f"{name}_{destination}",
            pipelines_dir=str(self.work / "pipelines"),
            destination=target,
            dataset_name=dataset,
        )

    def restload(self, name, config, destination):
        path = self.work / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        if destination == "sqlite":
            to = [f"sqlite:{self.work}/{name}_restload.db"]
        else:
            to = [self.options.postgres, "--dataset", f"{name}_restload"]
        command = [self.options.restload, "run", str(path), "--quiet", "--to", *to]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"restload: {done.stderr.strip()}")

    def read(self, name, destination):
        if destination == "sqlite":
            return [tables.read_sqlite(self.work / f"{name}_{side}.db") for side in ("dlt", "restload")]
        return [tables.read_postgres(self.options.postgres, f"{name}_{side}") for side in ("dlt", "restload")]

    def drop(self, name):
        connection = psycopg2.connect(self.options.postgres)
        connection.autocommit = True
        for suffix in ("dlt", "dlt_staging", "restload"):
            connection.cursor().execute(f'drop schema if exists "{name}_{suffix}" cascade')
        connection.close()

    def report(self, title, found, reason=None):
        if not found:
            self.equal.append(title)
        elif reason:
            self.deliberate.append(title)
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        else:
            self.unexpected.append(title)
            print(f"DIFFERS: {title}")
            for line in found[:12]:
                print(f"    {line}")

    def config(self, number, case):
        name, destination = f"case_{number}", case.get("destination", "sqlite")
        text = json.dumps(case["config"]).replace("{{API}}", self.fixture.url)
        config = json.loads(text)
        asked = []
        self.fixture.take_requests()
        for side in ("dlt", "restload"):
            for generation in range(case.get("runs", 1)):
                self.fixture.generation = generation
                if side == "dlt":
                    source = rest_api_source(json.loads(text), name=name)
                    self.pipeline(name, destination).run(source)
                else:
                    self.restload(name, config, destination)
            asked.append(self.fixture.take_requests())
        differs = case.get("differs", {})
        title = f"{case['name']} ({', '.join(case['cases'])})"
        only = [f"only dlt: {request}" for request in minus(asked[0], asked[1])]
        only += [f"only restload: {request}" for request in minus(asked[1], asked[0])]
        self.report(f"requests: {title}", only, differs.get("requests"))
        found = tables.differences(*self.read(name, destination))
        reason = differs.get("tables")
        if found and all(line.endswith("dlt has text, restload date") for line in found):
            reason = "text such as 2024-01-01 is a date"
        self.report(f"tables: {title}", found, reason)
        if destination == "postgres":
            self.drop(name)

    def load(self, seed, destination, disposition, mixed):
        """The same random records through both, twice, the second time revised."""
        name = f"load_{seed}_{disposition}{'_mixed' if mixed else ''}"
        first = records.generate(seed, mixed)
        for rows in (first, records.revise(first, seed, mixed)):
            self.fixture.records["/records"] = rows
            resource = dlt.resource(
                rows, name="records", write_disposition=disposition, primary_key="pk" if disposition == "merge" else None
            )
            self.pipeline(name, destination).run(resource)
            entry = {"name": "records", "write_disposition": disposition, "endpoint": {"data_selector": "$", "paginator": "single_page"}}
            if disposition == "merge":
                entry["primary_key"] = "pk"
            self.restload(name, {"client": {"base_url": self.fixture.url}, "resources": [entry]}, destination)
        left, right = self.read(name, destination)
        found = tables.differences(left, right)
        title = f"{destination}, {disposition}, seed {seed}"
        if mixed:
            # Of what differs, only this is meant to: a column is widened where dlt adds a variant column.
            fold = lambda side: {name: tables.folded(table) for name, table in side.items()}
            rest = tables.differences(fold(left), fold(right))
            self.report(f"{title}, mixed types", rest or found, None if rest else "a column is widened, no variant column is added")
        else:
            self.report(title, found)
        self.rows += sum(len(table.rows) for table in right.values())
        if destination == "postgres":
            self.drop(name)

    def run(self):
        wanted = self.options.only or ""
        for number, case in enumerate(yaml.safe_load((HERE / "rest_api.yaml").read_text())):
            if wanted in case["name"]:
                self.attempt(f"config: {case['name']}", lambda: self.config(number, case))
        for seed in range(self.options.first, self.options.first + self.options.seeds):
            for destination in ("sqlite", "postgres"):
                for disposition in ("append", "replace", "merge"):
                    for mixed in (False, True):
                        title = f"{destination}, {disposition}, seed {seed}{', mixed types' if mixed else ''}"
                        if wanted in title:
                            self.attempt(title, lambda: self.load(seed, destination, disposition, mixed))
        for reason, count in self.reasons.items():
            print(f"{count} differ as documented: {reason}")
        print(
            f"{self.rows} rows of random records; {len(self.equal)} comparisons equal, {len(self.deliberate)} differ as documented,"
            f" {len(self.unexpected)} differ otherwise"
        )
        return 1 if self.unexpected else 0

    def attempt(self, title, work):
        try:
            work()
        except Exception as error:
            self.report(title, [line for line in str(error).splitlines() if line.strip()][:12] or [repr(error)])


def minus(left, right):
    rest = list(right)
    only = []
    for one in left:
        if one in rest:
            rest.remove(one)
        else:
            only.append(one)
    return only


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--restload", required=True)
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only")
    return Comparison(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
