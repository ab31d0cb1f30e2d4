"""Croissant 1.1: files, columns, where they come from, and what they are no good for.

Format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html, with the vocabulary for responsible AI.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from generator import schema
from generator.publish import release_info
from generator.publish.release_info import ReleaseInfo

PARQUET = "application/x-parquet"
_FORMATS = {"parquet": PARQUET, "csv": "text/csv", "json": "application/json"}

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_RESPONSIBLE = {
    "rai:hasSyntheticData": True,
    "rai:dataCollection": "Simulated from a configuration and a seed. Nothing was collected from anybody.",
    "rai:dataCollectionType": ["Synthetic"],
    "rai:dataPreprocessingProtocol": ["None: rows are written as they are simulated."],
    "rai:dataAnnotationProtocol": ["Labels are written from the plan of the simulated groups; nobody annotated."],
    "rai:machineAnnotationTools": ["siphonbench"],
    "rai:personalSensitiveInformation": [
        "None. Names, organisations, domains and places are invented, prompts are hashes or composed text."
    ],
    "rai:dataUseCases": [
        "Training, comparing and teaching detectors of distillation-extraction campaigns in logs of API usage.",
        "Not for: judging real people or accounts, or estimating how common such campaigns are.",
    ],
    "rai:dataBiases": [
        "Texts have one grammar for everybody; real authors differ in more than casing and greetings.",
        "How members of a campaign share templates, links and time is assumed; so is the mix of benign customers.",
        "Prevalence is far above that of real traffic.",
    ],
    "rai:dataLimitations": [
        "Sizes and rhythms follow public traces of large customers; small ones are known from one service only.",
        "Texts of prompts, where there are some, are composed by a grammar; no answer exists as text.",
        "No images or audio; operators do not adapt while a world runs.",
    ],
    "rai:dataSocialImpact": "Helps defenders without anybody's logs. A detector tuned here may accuse the wrong "
    "people elsewhere: read the false positives per kind of benign customer.",
    "rai:dataReleaseMaintenancePlan": "Versioned with the generator; config.toml makes any version again.",
}
_TRACES = (
    ("ServeGen", "https://github.com/alibaba/ServeGen"),
    ("Azure LLM inference traces", "https://github.com/Azure/AzurePublicDataset"),
    ("BurstGPT", "https://github.com/HPMLL/BurstGPT"),
    ("kv-cache-tester", "https://github.com/callanjfox/kv-cache-tester"),
    ("Alibaba cluster data", "https://github.com/alibaba/clusterdata"),
)
_TYPES = {
    pa.string(): "sc:Text",
    schema.CATEGORY: "sc:Text",
    schema.TIMESTAMP: "sc:DateTime",
    pa.bool_(): "sc:Boolean",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
    pa.int8(): "cr:Int8",
    pa.int16(): "cr:Int16",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.uint64(): "cr:UInt64",
}


def document(release: ReleaseInfo, samples: dict[str, str], others: dict[str, str]) -> dict[str, Any]:
    """JSON-LD of a release.

    Parameters
    ----------
    release : About
        What is described.
    samples, others : dict of str to str
        SHA-256 of the sample files, and of further files, by path.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": release.name,
        "description": release_info.SUMMARY,
        "license": release_info.LICENCE,
        "url": f"urn:sha256:{release.manifest['digest']}",
        "version": release.version,
        "datePublished": release.published,
        "creator": {"@type": "sc:Organization", "name": release_info.CREATOR},
        "keywords": list(release_info.KEYWORDS),
        "isLiveDataset": False,
        "citeAs": f"@misc{{siphonbench, title={{{release.title}}}, author={{{release_info.CREATOR}}}, "
        f"year={{{release.published[:4]}}}, note={{version {release.version}}}}}",
        **_RESPONSIBLE,
        **_provenance(release),
        "distribution": [*_resources(release), *(_file(p, digest) for p, digest in (samples | others).items())],
        "recordSet": [
            *(_records(f"{folder}_{table}", table, paths) for folder, table, paths in release.tables),
            *(_sample(path) for path in samples if path.endswith(".parquet")),
        ],
    }


def _provenance(release: ReleaseInfo) -> dict[str, Any]:
    program = {"@type": "prov:SoftwareAgent", "name": f"siphonbench {release.version}"}
    return {
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "name": "Simulation",
            "description": f"siphonbench generate --config config.toml, seed {release.manifest['config']['seed']}",
            "prov:wasAssociatedWith": program,
            "prov:used": {"@type": "prov:Entity", "name": f"configuration {release.manifest['config_digest']}"},
        },
        "prov:wasDerivedFrom": [
            {
                "@type": "prov:Entity",
                "@id": address,
                "name": name,
                "description": "Constants of the simulation were fitted to it; no row of it is in here.",
            }
            for name, address in _TRACES
        ],
    }


def _resources(release: ReleaseInfo) -> list[dict[str, Any]]:
    resources = []
    for folder, table, paths in release.tables:
        one = release_info.pattern(folder, table, paths)
        if one in paths:
            resources.append(_file(one, release.files[one]["sha256"], release.files[one]["bytes"]))
        else:
            description = "one file per day and bucket of accounts; their SHA-256 stand in manifest.json"
            kind = {"@type": "cr:FileSet", "@id": f"{folder}/{table}", "name": f"{folder}/{table}"}
            resources.append(kind | {"description": description, "encodingFormat": PARQUET, "includes": one})
    return resources


def _file(path: str, digest: str, size: int | None = None) -> dict[str, Any]:
    entry = {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "encodingFormat": _FORMATS[path.rpartition(".")[2]],
        "sha256": digest,
    }
    return entry | ({"contentSize": f"{size} B"} if size else {})


def _sample(path: str) -> dict[str, Any]:
    folder, table = path.removesuffix(".parquet").split("/")
    return _records(f"{folder}_{table}", table, [path])


def _records(name: str, table: str, paths: list[str]) -> dict[str, Any]:
    name = name.replace("-", "_")
    folder = paths[0].split("/")[0]
    whole = paths == [f"{folder}/{table}.parquet"]
    source = {"fileObject": {"@id": paths[0]}} if whole else {"fileSet": {"@id": f"{folder}/{table}"}}
    columns = schema.TABLES[table]
    keys = [{"@id": f"{name}/{c.name}"} for c in columns[:1]]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": keys[0],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{c.name}",
                "name": c.name,
                "description": _said(c),
                "dataType": _TYPES[c.dtype],
                "source": source | {"extract": {"column": c.name}},
            }
            for c in columns
        ],
    }


def _said(column: schema.Column) -> str:
    unit = "" if column.unit == "-" else f"; unit: {column.unit}"
    return column.description + unit + ("" if column.otel == "-" else f"; OpenTelemetry: {column.otel}")
