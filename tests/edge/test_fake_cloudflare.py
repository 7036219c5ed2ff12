# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our fake of Cloudflare's API, judged by Cloudflare's own client: it accepts its shapes, honours its pages, and refuses what is wrong."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import TOKEN, ZONE

CACHE = pathlib.Path(os.environ.get("FBN_CACHE", pathlib.Path.home() / ".cache/fabricnet-tests"))
CLIENT = CACHE / "cloudflare-4.3.1"
ACCOUNT, LIST = "a" * 32, "b" * 32

PROGRAM = """
import json, sys, cloudflare
url, token, zone, account, list_id = sys.argv[1:6]
client = cloudflare.Cloudflare(base_url=url, api_token=token, max_retries=0, timeout=10)
rules = client.firewall.access_rules
"""


def judge(server, program, token=TOKEN):
    """What the program prints, which has client, rules, zone, account and list_id."""
    result = subprocess.run([sys.executable, "-c", PROGRAM + program, server.url, token, ZONE, ACCOUNT, LIST], capture_output=True, text=True, timeout=120,
                            env={**os.environ, "PYTHONPATH": str(CLIENT)})
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def client_is_there():
    assert CLIENT.exists(), "tests/edge/build installs Cloudflare's client"


def test_rules_come_are_found_and_go(cloudflare):
    got = judge(cloudflare, """
made = rules.create(zone_id=zone, mode="block", configuration={"target": "ip", "value": "203.0.113.5"}, notes="n")
found = list(rules.list(zone_id=zone, configuration={"target": "ip", "value": "203.0.113.5"}))
other = list(rules.list(zone_id=zone, configuration={"target": "ip", "value": "203.0.113.6"}))
gone = rules.delete(made.id, zone_id=zone)
print(json.dumps([made.id, [rule.id for rule in found], len(other), gone.id, len(list(rules.list(zone_id=zone)))]))
""")
    assert got == [got[0], [got[0]], 0, got[0], 0] and cloudflare.rules == {}


def test_pages_are_honoured(cloudflare):
    for i in range(57):
        cloudflare.add_rule("ip", f"203.0.113.{i}", "n")
    assert judge(cloudflare, """
print(json.dumps(sorted(rule.configuration.value for rule in rules.list(zone_id=zone, per_page=10))))
""") == sorted(f"203.0.113.{i}" for i in range(57))


@pytest.mark.parametrize("program, error", [
    ('rules.create(zone_id=zone, mode="block", configuration={"target": "ip", "value": "203.0.113.0/20"})', "BadRequestError 10002"),
    ('for i in range(2): rules.create(zone_id=zone, mode="block", configuration={"target": "ip", "value": "203.0.113.5"})', "BadRequestError 10009"),
    ('rules.delete("c" * 32, zone_id=zone)', "NotFoundError 10001"),
    ('rules.list(zone_id="d" * 32)', "NotFoundError 7003")])
def test_what_is_wrong_is_refused(cloudflare, program, error):
    indented = "\n    ".join(program.splitlines())
    assert judge(cloudflare, f"""
try:
    {indented}
    print(json.dumps("nothing"))
except cloudflare.APIStatusError as failure:
    print(json.dumps(f"{{type(failure).__name__}} {{failure.body['errors'][0]['code']}}"))
""") == error


@pytest.mark.parametrize("fault, error", [(429, "RateLimitError"), (403, "PermissionDeniedError"), (500, "InternalServerError"), ("lose", "APIConnectionError")])
def test_faults_are_what_the_client_knows(cloudflare, fault, error):
    cloudflare.faults = [fault]
    assert judge(cloudflare, """
try:
    rules.list(zone_id=zone)
    print(json.dumps("nothing"))
except cloudflare.APIError as failure:
    print(json.dumps(type(failure).__name__))
""") == error


def test_another_token_is_refused(cloudflare):
    assert judge(cloudflare, """
try:
    rules.list(zone_id=zone)
except cloudflare.PermissionDeniedError as failure:
    print(json.dumps("refused"))
""", token="other") == "refused"


def test_items_of_a_list_come_and_go_by_operations(cloudflare):
    got = judge(cloudflare, """
import time
items = client.rules.lists.items
def wait(operation):
    while client.rules.lists.bulk_operations.get(operation, account_id=account).status != "completed":
        time.sleep(0.01)
wait(items.create(list_id, account_id=account, body=[{"ip": f"203.0.113.{i}", "comment": "c"} for i in range(30)]).operation_id)
found, cursor = [], cloudflare.NOT_GIVEN  # this client leaves the pages of a list to its caller
while cursor is not None:
    raw = items.with_raw_response.list(list_id, account_id=account, per_page=7, cursor=cursor)
    found += list(raw.parse())
    cursor = raw.http_response.json()["result_info"].get("cursors", {}).get("after")
wait(items.delete(list_id, account_id=account, extra_body={"items": [{"id": found[0]["id"] if isinstance(found[0], dict) else found[0].id}]}).operation_id)
print(json.dumps(len(found)))
""")
    assert got == 30 and len(cloudflare.items) == 29


def test_ranges_are_told(cloudflare):
    assert judge(cloudflare, "print(json.dumps(client.ips.list().ipv4_cidrs))") == ["198.51.100.0/24"]
