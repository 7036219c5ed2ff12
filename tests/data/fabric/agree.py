# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: agree.py SCHEMA BASE DOCUMENTS: whether a stock validator judges each document as documents.json says.

Exits 0 if so, 1 if not, 77 if there is no jsonschema. "dangling" is what a schema cannot see: valid for it.
"""
import copy
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)

schema, base, documents = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
wrong = 0
for case in documents:
    document = copy.deepcopy(base)
    *way, last = case["at"].split("/")[1:]
    at = document
    for name in way:
        at = at[int(name)] if isinstance(at, list) else at[name]
    if isinstance(at, list):
        at[int(last):int(last) + 1] = [case["value"]]
    elif "value" in case:
        at[last] = case["value"]
    else:
        del at[last]
    errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)]
    if (not errors) != (case["verdict"] != "invalid"):
        print(f"{case['what']}: should be {case['verdict']}; the schema says {errors or 'valid'}")
        wrong = 1
sys.exit(wrong)
