# SPDX-License-Identifier: LGPL-2.1-or-later
"""`wg create` with its words, `wg apply … keep-peers`, and `key public` from a descriptor or a credential."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from test_wg import COMMAND, PEER, PRIVATE, public, world, write  # noqa: F401: world is a fixture


def test_create_takes_words_as_link_does(world):
    made = world.fabricnet("wg", "create", "wg0", "userspace", "daemon", "wireguard-go", "mtu", "1280", "--json")
    assert (made.returncode, json.loads(made.stdout)) == (0, {"name": "wg0", "backend": "userspace"})
    assert json.loads(world("ip", "-j", "link", "show", "wg0").stdout)[0]["mtu"] == 1280
    again = world.fabricnet("wg", "create", "wg0", "mtu", "1300")
    assert again.returncode == 1 and again.stderr.count("\n") == 1 and "adopted only when told so" in again.stderr
    assert world.fabricnet("wg", "create", "wg0", "adopt", "mtu", "1300").returncode == 0
    assert json.loads(world("ip", "-j", "link", "show", "wg0").stdout)[0]["mtu"] == 1300
    for words in (["mtu"], ["mtu", "x"], ["mtu", "0"], ["daemon"], ["quickly"], ["adopt", "adopted"]):
        wrong = world.fabricnet("wg", "create", "wg1", *words)
        assert wrong.returncode == 3 and words[-1] in wrong.stderr or words[0] in wrong.stderr
    assert world.fabricnet("wg", "create").returncode == 3
    assert world.fabricnet("wg", "create", "wg1", "daemon", "no-such-daemon", "userspace").returncode == 1


def test_apply_can_keep_peers(world, tmp_path):
    world.fabricnet("wg", "create", "wg0")
    world("wg", "set", "wg0", "peer", public(PRIVATE[0]), "allowed-ips", "10.99.0.0/16")
    path = write(tmp_path / "few.conf", f"[Interface]\nPrivateKey = {PRIVATE[1]}\n[Peer]\nPublicKey = {PEER}\n")
    assert world.fabricnet("wg", "diff", "wg0", path, "keep-peers").returncode == 2
    assert world.fabricnet("wg", "apply", "wg0", path, "keep-peers").returncode == 0
    assert set(world("wg", "show", "wg0", "peers").stdout.split()) == {public(PRIVATE[0]), PEER}
    assert world.fabricnet("wg", "diff", "wg0", path, "keep-peers").returncode == 0
    assert world.fabricnet("wg", "apply", "wg0", path).returncode == 0
    assert world("wg", "show", "wg0", "peers").stdout.split() == [PEER]
    assert world.fabricnet("wg", "apply", "wg0", path, "keep").returncode == 3


def test_public_keys_from_descriptors_and_credentials(tmp_path):
    read, wrote = os.pipe()
    os.write(wrote, PRIVATE[0].encode() + b"\n")
    os.close(wrote)
    done = subprocess.run([COMMAND, "key", "public", f"fd:{read}"], pass_fds=[read], capture_output=True, text=True, timeout=20)
    os.close(read)
    assert (done.stdout.strip(), done.returncode) == (public(PRIVATE[0]), 0)
    write(tmp_path / "wg", PRIVATE[1] + "\n", 0o400)
    done = subprocess.run([COMMAND, "key", "public", "credential:wg"], env={**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)},
                          capture_output=True, text=True, timeout=20)
    assert (done.stdout.strip(), done.returncode) == (public(PRIVATE[1]), 0)
    done = subprocess.run([COMMAND, "key", "public", "fd:77"], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and done.stderr == "fabricnet: fd:77: is no open file descriptor\n"


def test_a_key_that_cannot_be_written_is_a_failure_not_bad_input():
    with open("/dev/full", "w") as full:
        done = subprocess.run([COMMAND, "key", "generate"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "fabricnet: cannot write the output: No space left on device\n")


def test_keys_are_objects_for_programs():
    def key(*words, **options):
        return json.loads(subprocess.run([COMMAND, "key", *words, "--json"], capture_output=True, text=True, check=True, **options).stdout)

    private = key("generate")
    assert list(private) == ["private_key"] and len(key("preshared")["preshared_key"]) == 44
    assert key("public", input=private["private_key"]) == {"public_key": public(private["private_key"])}


def test_a_key_on_the_command_line_is_not_shown_again():
    done = subprocess.run([COMMAND, "key", "public", PRIVATE[0]], capture_output=True, text=True)
    assert done.returncode == 3 and "everybody can see it" in done.stderr and PRIVATE[0] not in done.stderr + done.stdout


def test_a_key_that_is_none_is_named_with_its_file(tmp_path):
    zero = write(tmp_path / "zero", "A" * 43 + "=\n")
    done = subprocess.run([COMMAND, "key", "public", zero], capture_output=True, text=True)
    assert done.returncode == 3 and str(zero) in done.stderr and "all zero" in done.stderr


@pytest.mark.parametrize("words", [("key", "public", "/dev/stdin"), ("wg", "diff", "wg0", "/dev/stdin"), ("check", "-f", "/dev/stdin")])
def test_an_interrupt_ends_waiting_for_a_file(words):
    read, wrote = os.pipe()
    process = subprocess.Popen([COMMAND, *words], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 5
    while "pipe" not in pathlib.Path(f"/proc/{process.pid}/wchan").read_text() and time.monotonic() < end:
        time.sleep(0.02)  # until it waits in the read
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1 and process.stderr.read() == "fabricnet: cancelled\n"
    process.stdout.close(), process.stderr.close(), os.close(read), os.close(wrote)
