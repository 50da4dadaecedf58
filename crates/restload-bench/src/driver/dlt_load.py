"""Loads one resource of the benchmark's server with dlt: dlt_load.py BASE_URL RESOURCE TO"""

import os
import sys
import tempfile

os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")

import dlt
from dlt.sources.rest_api import rest_api_source

base_url, resource, to = sys.argv[1:]
if to.startswith("sqlite:"):
    destination, dataset = dlt.destinations.sqlalchemy(f"sqlite:///{to.removeprefix('sqlite:')}"), "main"
else:
    # dlt asks for a password, whether the server does or not.
    scheme, rest = to.split("://", 1)
    user, at, place = rest.partition("@")
    if ":" not in user:
        user += ":unused"
    destination, dataset = dlt.destinations.postgres(f"{scheme}://{user}{at}{place}"), "bench"

with tempfile.TemporaryDirectory() as folder:
    pipeline = dlt.pipeline(
        pipeline_name="bench", pipelines_dir=folder, destination=destination, dataset_name=dataset
    )
    source = rest_api_source(
        {
            "client": {"base_url": base_url},
            "resources": [
                {
                    "name": resource,
                    "write_disposition": "append",
                    "endpoint": {
                        "path": resource,
                        "data_selector": "data",
                        "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
                    },
                }
            ],
        }
    )
    pipeline.run(source).raise_on_failed_jobs()
